"""Day-ahead: issued at one local time for a whole later local day, of 23, 24 or 25 hours."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, FittedModel, TaskConfig
from autopq.data.audit import audit
from autopq.data.origins import settled
from autopq.data.panel import Windows
from autopq.data.splits import fit_windows, split
from autopq.errors import InputError

ZONE = "Europe/Berlin"
DAY_AHEAD = TaskConfig(
    issue_times=("11:00",),
    delivery_day=1,
    preset="fast",
    forecasters=("seasonal_naive",),
    quantile_models=("residual",),
    seed=1,
)


def series(start: str, end: str, freq: str = "h") -> pd.DataFrame:
    """A series whose value is the local hour plus a little noise."""
    stamps = pd.date_range(start, end, freq=freq, tz=ZONE, inclusive="left")
    noise = np.random.default_rng(0).normal(0, 0.01, len(stamps))
    return pd.DataFrame({"timestamp": stamps, "target": stamps.hour + noise})


def clocks(windows: Windows, rows: np.ndarray) -> set[str]:
    return {str(stamp)[11:16] for stamp in windows.panel.local_time[rows].astype("datetime64[m]")}


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return AutoPQ(DAY_AHEAD).fit(series("2024-01-01", "2024-11-20")).model


@pytest.mark.parametrize(
    ("present", "hours"),
    [("2024-03-30 11:00", 23), ("2024-10-26 11:00", 25), ("2024-07-01 11:00", 24)],
)
def test_a_forecast_is_the_whole_next_local_day(
    model: FittedModel, present: str, hours: int
) -> None:
    forecast = model.predict(series("2024-02-01", present))
    stamps = pd.DatetimeIndex(forecast.index()["timestamp"])
    day = pd.Timestamp(present, tz=ZONE).normalize() + pd.DateOffset(days=1)
    expected = pd.date_range(day, day + pd.DateOffset(days=1), freq="h", inclusive="left")
    assert stamps.tolist() == expected.tolist()
    assert forecast.quantiles.shape[:2] == (1, hours)
    assert forecast.paths.shape[2] == hours
    if hours == 24:
        np.testing.assert_allclose(forecast.at([0.5])[0, :, 0], stamps.hour, atol=0.5)


def test_late_meters_do_not_move_the_day(model: FittedModel) -> None:
    early, late = (
        model.predict(series("2024-05-01", f"2024-06-10 {hour}:00")) for hour in ("08", "11")
    )
    np.testing.assert_array_equal(early.timestamps, late.timestamps)


def test_held_out_days_begin_at_midnight_and_training_ones_anywhere() -> None:
    panel, _ = audit(series("2024-01-01", "2025-01-01"), DAY_AHEAD)
    config = settled(DAY_AHEAD, panel)
    assert (config.horizon, config.lead_time) == (25, 13)
    parts = split(panel, config)
    for held in (parts.validation, parts.test):
        origins = held.start - held.first + held.origin
        assert clocks(held, origins) == {"11:00"}
        assert clocks(held, held.start) == {"00:00"}
    everything = fit_windows(panel, config)
    assert len(clocks(everything, everything.start)) == 24


@pytest.mark.parametrize(
    ("issue", "day", "freq", "horizon", "lead"),
    [
        ("00:00", 0, "h", 25, 0),
        ("00:00", 1, "h", 25, 24),
        ("18:00", 0, "h", 7, 0),
        ("11:00", 2, "15min", 100, 148),
    ],
)
def test_horizon_and_lead_follow_from_the_day(
    issue: str, day: int, freq: str, horizon: int, lead: int
) -> None:
    config = DAY_AHEAD.model_copy(update={"issue_times": (issue,), "delivery_day": day})
    panel, _ = audit(series("2024-01-01", "2024-04-20", freq), config)
    config = settled(config, panel)
    assert (config.horizon, config.lead_time) == (horizon, lead)
    held = split(panel, config).test
    assert clocks(held, held.start) == {"00:00" if day or issue == "00:00" else issue}
    assert settled(config, panel) == config


def test_an_issue_before_the_clock_changes_still_meets_midnight() -> None:
    config = DAY_AHEAD.model_copy(update={"issue_times": ("01:00",)})
    panel, _ = audit(series("2024-09-10", "2024-11-02"), config)
    held = split(panel, settled(config, panel)).test
    assert clocks(held, held.start) == {"00:00"}
    assert set(held.first - held.origin) == {23, 24}


def test_future_covariates_are_needed_to_the_end_of_the_day_alone() -> None:
    table = series("2024-01-01", "2024-12-01")
    table["wind"] = np.arange(len(table)) % 7
    config = DAY_AHEAD.model_copy(update={"known_covariates": ("wind",)})
    model = AutoPQ(config).fit(table[table["timestamp"] < "2024-10-20"]).model
    present = pd.Timestamp("2024-10-26 11:00", tz=ZONE)
    history = table[table["timestamp"] < present]
    ahead = table[table["timestamp"] >= present].drop(columns="target")
    forecast = model.predict(history, ahead[ahead["timestamp"] < "2024-10-28"])
    assert forecast.timestamps.shape == (1, 25)
    with pytest.raises(InputError, match="1 of the 38 steps up to the end") as raised:
        model.predict(history, ahead[ahead["timestamp"] < "2024-10-27 23:00"])
    assert raised.value.issues[0].field == "future.wind"


def test_a_model_with_a_delivery_day_survives_saving(model: FittedModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded = FittedModel.load(tmp_path / "model")
    history = series("2024-02-01", "2024-10-26 11:00")
    np.testing.assert_array_equal(
        loaded.predict(history).quantiles, model.predict(history).quantiles
    )


def test_series_with_days_of_different_length_are_told_apart() -> None:
    two = pd.concat(
        [series("2024-01-01", "2024-06-01").assign(item_id=name) for name in ("a", "b")]
    )
    model = AutoPQ(DAY_AHEAD).fit(two).model
    history = pd.concat(
        [
            series("2024-08-01", "2024-10-26 11:00").assign(item_id="a"),
            series("2024-08-01", "2024-10-27 11:00").assign(item_id="b"),
        ]
    )
    with pytest.raises(InputError, match=r"2024-10-27 \(25 steps\), series 'b' for 2024-10-28"):
        model.predict(history)


def test_a_lead_time_in_steps_moves_training_and_forecast_alike() -> None:
    config = TaskConfig(
        horizon=6,
        lead_time=5,
        preset="fast",
        forecasters=("seasonal_naive",),
        quantile_models=("residual",),
    )
    table = series("2024-01-01", "2024-02-15")
    forecast = AutoPQ(config).fit(table).model.predict()
    assert forecast.timestamps[0, 0] == np.datetime64("2024-02-15T04:00")  # 05:00 in Berlin
    np.testing.assert_allclose(forecast.at([0.5])[0, :, 0], np.arange(5, 11), atol=0.5)


@pytest.mark.parametrize("settings", [{}, {"issue_times": ("08:00", "11:00")}])
def test_a_delivery_day_needs_one_issue_time(settings: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="needs one time in `issue_times`"):
        TaskConfig(delivery_day=1, **settings)


def test_a_delivery_day_needs_steps_within_the_day() -> None:
    config = DAY_AHEAD.model_copy(update={"issue_times": ("00:00",)})
    daily = pd.DataFrame(
        {"timestamp": pd.date_range("2020-01-01", periods=500), "target": np.arange(500.0)}
    )
    with pytest.raises(InputError, match="no part of a day"):
        audit(daily, config)
