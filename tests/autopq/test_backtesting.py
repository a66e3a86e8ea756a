"""The backtest of a fit: made by the model that was chosen, from rows it had not seen."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.backtesting import RollingBacktest
from autopq.data.example import synthetic_load
from autopq.evaluation.scores import quantile_crps

SETTINGS: dict[str, Any] = {
    "target": "load",
    "horizon": 24,
    "timezone": "Europe/Berlin",
    "preset": "fast",
    "forecasters": ["seasonal_naive"],
    "quantile_models": ["residual"],
    "backtest": {"num_windows": 5},
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return synthetic_load(rng, days=40, timezone="Europe/Berlin").drop(columns="temperature")


def run(table: pd.DataFrame, **settings: Any) -> RollingBacktest:
    found = AutoPQ(TaskConfig(**{**SETTINGS, **settings})).fit(table).backtest
    assert found is not None
    return found


def test_windows_cover_the_newest_rows_without_overlap(table: pd.DataFrame) -> None:
    found = run(table)
    assert (found.num_windows, len(found.scored.windows)) == (5, 5)
    stamps = found.forecasts["timestamp"]
    assert stamps.is_unique
    assert stamps.max() == pd.Timestamp(table["timestamp"].iloc[-1], tz="Europe/Berlin")
    assert found.forecasts["target"].tolist() == table["load"].iloc[-5 * 24 :].tolist()


def test_no_window_reaches_into_the_rows_the_model_was_made_from(table: pd.DataFrame) -> None:
    found = run(table, backtest={"num_windows": 1000, "step": 1})
    held_out = pd.Timestamp(table["timestamp"].iloc[int(len(table) * 0.8)], tz="Europe/Berlin")
    assert found.scored.windows["start"].min() == held_out
    assert len(found.scored.windows) == len(table) - int(len(table) * 0.8) - 23


def test_what_comes_later_changes_no_forecast(table: pd.DataFrame) -> None:
    other = table.copy()
    other.loc[other.index[-24:], "load"] += 500
    before, after = run(table).forecasts, run(other).forecasts
    pd.testing.assert_frame_equal(
        before.drop(columns="target"), after.drop(columns="target"), check_exact=True
    )


def test_scores_are_those_of_the_forecasts(table: pd.DataFrame) -> None:
    levels = [k / 100 for k in range(1, 100)]
    found = run(table, quantile_levels=levels)
    quantiles = found.forecasts[[f"{level:g}" for level in levels]].to_numpy()
    crps = quantile_crps(found.forecasts["target"].to_numpy(), quantiles, np.array(levels))
    assert found.scored.scores["crps"] == pytest.approx(crps, rel=0.01)  # a denser grid


def test_delivery_days_are_forecast_as_they_are_issued() -> None:
    """With the day in March that has 23 hours; each window has the hours of its day."""
    hours = pd.date_range("2026-03-01", "2026-04-03", freq="h", tz="Europe/Berlin")[:-1]
    table = pd.DataFrame({"timestamp": hours, "load": 100 + 10.0 * (hours.hour > 8)})
    found = run(table, issue_times=["11:00"], delivery_day=1, backtest={"num_windows": 6})
    windows = found.scored.windows
    assert {stamp.hour for stamp in windows["origin"]} == {11}
    assert {stamp.hour for stamp in windows["start"]} == {0}
    counts = found.forecasts.groupby("origin").size()
    assert sorted(counts) == [23, *[24] * (len(counts) - 1)]
    assert windows["energy_score"].notna().all()
    assert found.scored.series["windows"].tolist() == [len(windows)]


def test_many_series_have_fewer_windows_each(
    table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autopq.backtesting._MOST_VALUES", 4 * 24 * 16)
    many = pd.concat([table.assign(item_id=name) for name in "abcdef"])
    found = run(many)
    assert (found.num_windows, len(found.scored.windows)) == (1, 4)
    assert found.scored.windows["item_id"].tolist() == ["a", "b", "d", "e"]


def test_a_backtest_that_fails_costs_no_model(
    table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("autopq.finishing.backtest_chosen", fail)
    result = AutoPQ(TaskConfig(**SETTINGS)).fit(table)
    assert result.backtest is None
    assert result.model.predict().item_ids
