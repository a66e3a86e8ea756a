"""Live input that says too little: climatology answers, and the forecast says so and why."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, FittedModel, Forecast, TaskConfig
from autopq.errors import InputError

CONFIG = TaskConfig(
    horizon=24,
    preset="fast",
    forecasters=("seasonal_naive",),
    quantile_models=("residual",),
    lower=0,
)
ROWS = 1000


def table(rows: int = ROWS, start: str = "2024-01-01") -> pd.DataFrame:
    """Nothing by night, a bell by day."""
    stamps = pd.date_range(start, periods=rows, freq="h")
    noise = np.random.default_rng(rows).normal(0, 0.3, rows)
    bell = np.clip(np.sin((stamps.hour - 6) * np.pi / 12), 0, None) * 10
    return pd.DataFrame({"timestamp": stamps, "target": np.where(bell > 0, bell + noise, 0)})


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return AutoPQ(CONFIG).fit(table()).model


def usual(forecast: Forecast, series: int = 0) -> None:
    """The day looks as its days do."""
    hour = pd.DatetimeIndex(forecast.timestamps[series]).hour
    bell = np.clip(np.sin((hour - 6) * np.pi / 12), 0, None) * 10
    np.testing.assert_allclose(forecast.at([0.5])[series, :, 0], bell, atol=1.5)
    assert np.isfinite(forecast.quantiles).all()
    assert np.isfinite(forecast.paths).all()
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()
    assert forecast.quantiles.min() >= 0


def test_a_silent_meter_is_forecast_from_its_climatology(model: FittedModel) -> None:
    silent = table(30, "2024-06-01 05:00").assign(target=np.nan)
    forecast = model.predict(silent)
    assert forecast.timestamps[0, 0] == np.datetime64("2024-06-02T11:00")
    (fallback,) = forecast.fallbacks
    assert (fallback.item_id, fallback.used) == ("series", "climatology")
    assert fallback.reason == "known values among the last 48 steps: 0, needed: 12"
    usual(forecast)


def test_two_rows_alone_are_too_few_but_enough_beside_the_model_s_own(model: FittedModel) -> None:
    alone = model.predict(table(2, "2024-06-01"))
    assert [f.reason for f in alone.fallbacks] == [
        "known values among the last 48 steps: 2, needed: 12"
    ]
    usual(alone)
    end = pd.Timestamp("2024-01-01") + pd.Timedelta(hours=ROWS)
    beside = model.predict(table(2, str(end)))
    assert beside.fallbacks == ()
    usual(beside)
    # A meter that went silent a moment ago does no harm either.
    still = model.predict(table(5, str(end)).assign(target=np.nan))
    assert still.fallbacks == ()
    assert still.timestamps[0, 0] == (end + pd.Timedelta(hours=5)).to_datetime64()
    usual(still)


def test_only_the_series_in_need_falls_back() -> None:
    both = pd.concat([table().assign(item_id="a"), table().assign(item_id="b")])
    model = AutoPQ(CONFIG).fit(both).model
    fresh = table(100, "2024-05-01")
    silent = fresh.assign(item_id="b", target=fresh["target"].where(fresh.index < 3))
    forecast = model.predict(pd.concat([fresh.assign(item_id="a"), silent[:90]]))
    assert [fallback.item_id for fallback in forecast.fallbacks] == ["b"]
    usual(forecast, 0)
    usual(forecast, 1)


def test_future_covariates_tell_the_past_from_the_future() -> None:
    config = CONFIG.model_copy(update={"known_covariates": ("wind",)})
    model = AutoPQ(config).fit(table().assign(wind=1.0)).model
    silent = table(60, "2024-06-01").assign(wind=1.0, target=np.nan)
    in_one = model.predict(silent)
    apart = model.predict(silent[:36], silent[36:].drop(columns="target"))
    for forecast in (in_one, apart):
        assert forecast.timestamps[0, 0] == np.datetime64("2024-06-02T12:00")
        assert [f.used for f in forecast.fallbacks] == ["climatology"]


def test_an_answer_that_is_not_finite_falls_back(model: FittedModel) -> None:
    class Broken(type(model.members[0].quantile_model)):
        def quantiles(self, *given: object) -> np.ndarray:
            return super().quantiles(*given) * np.nan

    broken = Broken.from_state(model.members[0].quantile_model.state())
    members = (replace(model.members[0], quantile_model=broken),)
    forecast = replace(model, members=members).predict()
    assert [f.reason for f in forecast.fallbacks] == ["the model's answer is not finite"]
    usual(forecast)


def test_the_fallback_is_saved_and_so_is_what_it_did(model: FittedModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    silent = table(30, "2024-06-01").assign(target=np.nan)
    forecast = model.predict(silent)
    again = FittedModel.load(tmp_path / "model").predict(silent)
    np.testing.assert_array_equal(again.quantiles, forecast.quantiles)
    forecast.save(tmp_path / "forecast.parquet")
    assert Forecast.load(tmp_path / "forecast.parquet").fallbacks == forecast.fallbacks


def test_a_model_without_a_fallback_says_what_is_missing(model: FittedModel) -> None:
    bare = replace(model, fallback=None)
    with pytest.raises(InputError, match="needed: 12"):
        bare.predict(table(3, "2024-06-01"))
    assert bare.predict(table(300, "2024-06-01")).fallbacks == ()
