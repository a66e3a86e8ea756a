"""Awkward series through the front door: a right answer, or an error that says the mend."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, Forecast, TaskConfig
from autopq.data.report import Remark
from autopq.errors import InputError

Table = pd.DataFrame
H = 24


def fitted(table: Table, **settings: object) -> tuple[Forecast, tuple[Remark, ...]]:
    config = TaskConfig.model_validate(
        {
            "preset": "fast",
            "forecasters": ["lightgbm"],
            "quantile_models": ["residual"],
            "seed": 2,
            **settings,
        }
    )
    result = AutoPQ(config).fit(table)
    forecast = result.model.predict()
    assert np.isfinite(forecast.quantiles).all()
    assert np.isfinite(forecast.paths).all()
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()
    assert all(row.error is None for row in result.leaderboard)
    return forecast, result.audit.warnings


def bells(days: int, level: float = 10.0, start: str = "2024-01-01") -> Table:
    """A daily bell on a level, with noise a hundredth of it."""
    stamps = pd.date_range(start, periods=24 * days, freq="h")
    noise = np.random.default_rng(5).normal(0, 0.01, len(stamps))
    shape = 1 + 0.5 * np.sin((stamps.hour - 6) * np.pi / 12) + noise
    return pd.DataFrame({"timestamp": stamps, "target": level * shape})


def expected(forecast: Forecast, level: float = 10.0) -> np.ndarray:
    hour = pd.DatetimeIndex(forecast.index()["timestamp"]).hour
    return level * (1 + 0.5 * np.sin((np.asarray(hour) - 6) * np.pi / 12))


def median(forecast: Forecast) -> np.ndarray:
    return forecast.at([0.5]).ravel()


def test_gaps_of_every_kind_are_masked_and_the_clock_is_kept() -> None:
    table = bells(50)
    table.loc[np.random.default_rng(0).random(len(table)) < 0.01, "target"] = np.nan
    table.loc[500:560, "target"] = np.nan
    table = table.drop(index=range(300, 333))
    table.loc[table.index[-5:], "target"] = np.nan
    forecast, warnings = fitted(table)
    assert forecast.timestamps[0, 0] == table["timestamp"].iloc[-5].to_datetime64()
    np.testing.assert_allclose(median(forecast), expected(forecast), atol=1)
    assert "missing_target" in {remark.code for remark in warnings}


def test_so_many_gaps_that_few_windows_are_whole_is_said() -> None:
    table = bells(50)
    table.loc[np.random.default_rng(0).random(len(table)) < 0.06, "target"] = np.nan
    forecast, warnings = fitted(table)
    np.testing.assert_allclose(median(forecast), expected(forecast), atol=1.5)
    low, high = forecast.at([0.05, 0.95])[0].T
    assert (high > low).all(), "a handful of windows still leaves a spread"
    assert "few_complete_windows" in {remark.code for remark in warnings}


def test_a_constant_series_stays_and_harms_no_other() -> None:
    both = [bells(40).assign(item_id="moves"), bells(40).assign(item_id="rests", target=0.0)]
    forecast, warnings = fitted(pd.concat(both))
    assert np.abs(forecast.at([0.05, 0.95])[1]).max() < 0.1
    np.testing.assert_allclose(median(forecast)[:H], expected(forecast)[:H], atol=1)
    assert "constant_target" in {remark.code for remark in warnings}


def test_values_below_zero_are_as_good_as_others() -> None:
    forecast, _ = fitted(bells(40).assign(target=lambda t: t["target"] - 30))
    np.testing.assert_allclose(median(forecast), expected(forecast) - 30, atol=1)


@pytest.mark.slow
def test_nights_without_sun_are_zero() -> None:
    table = bells(40)
    sun = np.clip(np.sin((table["timestamp"].dt.hour - 6) * np.pi / 12), 0, None)
    cloud = np.random.default_rng(3).beta(5, 2, len(table))
    forecast, _ = fitted(
        table.assign(target=sun.round(6) * cloud), lower=0, quantile_models=["mlp_quantile"]
    )
    dark = expected(forecast) <= 10.0
    assert forecast.at([0.99]).ravel()[dark].max() < 0.02
    assert forecast.quantiles.min() >= 0
    assert forecast.at([0.5]).ravel()[12] > 0.5


def test_a_shifted_level_is_followed() -> None:
    table = bells(60)
    table.loc[table.index[-24 * 14 :], "target"] *= 3
    forecast, _ = fitted(table)
    np.testing.assert_allclose(median(forecast), expected(forecast, 30.0), atol=4)


@pytest.mark.slow
@pytest.mark.slow
def test_a_week_of_quarter_hours_ahead() -> None:
    hours = bells(80)
    stamps = pd.date_range("2024-01-01", periods=4 * len(hours), freq="15min")
    table = pd.DataFrame({"timestamp": stamps, "target": np.repeat(hours["target"], 4).to_numpy()})
    forecast, _ = fitted(table, horizon=7 * 96, forecasters=["linear"])
    assert forecast.quantiles.shape[:2] == (1, 672)
    assert forecast.paths.shape == (1, 200, 672)
    ahead = pd.date_range(stamps[-1], periods=673, freq="15min")[1:]
    assert forecast.timestamps[0].tolist() == ahead.to_numpy(forecast.timestamps.dtype).tolist()
    np.testing.assert_allclose(median(forecast), expected(forecast), atol=1.5)


@pytest.mark.parametrize("present", ["2024-03-30 12:00", "2024-10-26 12:00"])
@pytest.mark.slow
def test_weeks_in_which_the_clock_changes(present: str) -> None:
    """Stamps as a meter writes them: an hour is missing in spring, and one is twice in autumn."""
    begin = pd.Timestamp(present).normalize() - pd.Timedelta(days=70)
    clock = pd.date_range(begin, present, freq="h", tz="Europe/Berlin", inclusive="left")
    hour = np.asarray(clock.hour)
    load = 10 * (1 + 0.5 * np.sin((hour - 6) * np.pi / 12))
    load = load + np.random.default_rng(1).normal(0, 0.1, len(load))
    table = pd.DataFrame({"timestamp": clock.tz_localize(None), "target": load})
    forecast, _ = fitted(table, timezone="Europe/Berlin", horizon=36)
    stamps = pd.DatetimeIndex(forecast.index()["timestamp"])
    ahead = pd.date_range(pd.Timestamp(present, tz="Europe/Berlin"), periods=36, freq="h")
    assert stamps.tolist() == ahead.tolist()
    np.testing.assert_allclose(median(forecast), expected(forecast), atol=1.5)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.assign(target=np.nan), "no known target value"),
        (lambda t: t.assign(target=t["target"].where(t.index % 20 > 0)), "no complete window"),
        (lambda t: t[:2], "too few rows"),
        (
            lambda t: t.assign(timestamp=t["timestamp"] + pd.to_timedelta(t.index % 2, "min")),
            "step",
        ),
        (lambda t: pd.concat([t, t[-1:]]), "appears twice"),
        (lambda t: t.sample(frac=1, random_state=0), "Sort the rows"),
    ],
)
def test_what_has_no_right_answer_is_named(spoil: Callable[[Table], Table], words: str) -> None:
    with pytest.raises(InputError) as raised:
        fitted(spoil(bells(30)))
    issue = raised.value.issues[0]
    assert issue.field
    assert issue.mend
    assert words in f"{issue.message} {issue.mend}"
