"""Rolling origins, and that every grain of a backtest tells the same story."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq.data.frequency import Frequency
from autopq.data.origins import settled
from autopq.data.panel import Panel
from autopq.errors import InputError
from autopq.evaluation.backtest import (
    SeriesReference,
    backtest,
    backtest_as_issued,
    issued_windows,
    rolling_windows,
    score_windows,
)
from autopq.evaluation.grid import DENSE_LEVELS, normal_score
from autopq.evaluation.scores import evaluate, peak_weighted_crps
from autopq.task import TaskConfig

HORIZON = 6


def panel_of(*values: np.ndarray, timezone: str | None = None) -> Panel:
    sizes = np.array([len(v) for v in values], np.int64)
    stamps = [pd.date_range("2024-03-30", periods=n, freq="h").to_numpy() for n in sizes]
    time = np.concatenate(stamps).astype("datetime64[us]")
    return Panel(
        item_ids=tuple("ab"[: len(values)]),
        offsets=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        lengths=sizes,
        sizes=sizes,
        time=time,
        local_time=time,
        target=np.concatenate(values),
        covariates=np.empty((int(sizes.sum()), 0)),
        covariate_names=(),
        freq=Frequency("h"),
        timezone=timezone,
    )


class LastValue:
    """The value before the origin, with the spread of a random walk."""

    def quantiles(self, windows):
        last = windows.history(1)
        spread = np.sqrt(np.arange(1, windows.horizon + 1))
        return last[..., None] + spread[:, None] * normal_score(DENSE_LEVELS)


@pytest.fixture
def walks() -> Panel:
    rng = np.random.default_rng(0)
    return panel_of(rng.normal(size=400).cumsum(), 50 + rng.normal(size=300).cumsum())


def run(panel, *, num_windows=20, step=4, first=(200, 150)):
    return backtest(
        LastValue(),
        panel,
        HORIZON,
        num_windows=num_windows,
        step=step,
        first=np.array(first[: len(panel.lengths)]),
    )


def test_the_newest_rows_are_scored_and_origins_lie_a_step_apart(walks):
    windows = rolling_windows(walks, HORIZON, num_windows=3, step=5, first=np.array([0, 0]))
    assert windows.origin.tolist() == [384, 389, 394, 284, 289, 294]
    assert windows.series.tolist() == [0, 0, 0, 1, 1, 1]
    assert (windows.origin + HORIZON).max() == walks.lengths.max()


def test_rows_that_made_the_model_are_never_forecast(walks):
    windows = rolling_windows(walks, HORIZON, num_windows=99, step=7, first=np.array([380, 290]))
    assert windows.origin.tolist() == [380, 387, 394, 294]


def test_forecasts_issued_ahead_end_with_the_newest_row_all_the_same(walks):
    windows = rolling_windows(
        walks, HORIZON, num_windows=2, step=5, first=np.array([380, 290]), lead=3
    )
    assert windows.origin.tolist() == [386, 391, 291]
    result = score_windows(
        windows,
        LastValue().quantiles(windows),
        DENSE_LEVELS,
        SeriesReference.of(walks, np.array([380, 290])),
    )
    assert (result.windows.start - result.windows.origin == pd.Timedelta("3h")).all()


def test_no_room_for_a_window_says_what_to_do(walks):
    with pytest.raises(InputError, match=r"no backtest window of 6 steps.*hold out more"):
        rolling_windows(walks, HORIZON, num_windows=3, step=5, first=np.array([396, 299]))


def test_what_comes_after_an_origin_changes_no_earlier_forecast(walks):
    cut = int(walks.offsets[0] + 394)
    other = walks.target.copy()
    other[cut:400] = 1e6
    changed = run(
        panel_of(other[:400], other[400:]),
    )
    before = run(walks).windows
    same = changed.windows[["item_id", "origin", "crps"]].merge(before, on=["item_id", "origin"])
    early = same[(same.item_id == "b") | (same.origin < before.origin[19] - pd.Timedelta("5h"))]
    assert len(early) == 38
    np.testing.assert_array_equal(early.crps_x, early.crps_y)


def test_a_calibrated_forecaster_is_found_calibrated(walks):
    rng = np.random.default_rng(1)
    result = run(panel_of(rng.normal(size=9000).cumsum()), num_windows=1200, step=6)
    assert result.scores["coverage_50"] == pytest.approx(0.5, abs=0.03)
    assert result.scores["coverage_80"] == pytest.approx(0.8, abs=0.03)
    assert result.scores["coverage_90"] == pytest.approx(0.9, abs=0.03)
    assert result.pit.share.to_numpy() == pytest.approx(0.1, abs=0.03)
    assert (result.reliability.observed - result.reliability.level).abs().max() < 0.04
    # CRPS of the truth at step h: spread / sqrt(pi).
    expected = np.sqrt(np.arange(1, HORIZON + 1) / np.pi)
    assert result.steps.crps.to_numpy() == pytest.approx(expected, rel=0.08)


def test_every_grain_is_a_mean_of_the_same_values(walks):
    windows = rolling_windows(walks, HORIZON, num_windows=20, step=4, first=np.array([200, 150]))
    quantiles = LastValue().quantiles(windows)
    reference = SeriesReference.of(walks, np.array([200, 150]))
    result = score_windows(windows, quantiles, DENSE_LEVELS, reference)
    y = windows.target()
    naive = reference.naive_mae[windows.series]
    expected = evaluate(y, quantiles, DENSE_LEVELS, naive)
    for name in expected.keys() & result.scores.keys():
        assert result.scores[name] == pytest.approx(expected[name]), name
    shared = expected.keys() & set(result.windows.columns)
    assert {"mean_pinball", "crps", "mae", "mase", "coverage_90", "interval_score_90"} <= shared
    for name in shared - {"weighted_quantile_loss"}:
        assert result.windows[name].mean() == pytest.approx(expected[name]), name
        assert result.steps[name].mean() == pytest.approx(expected[name]), name
        assert result.series[name].mean() == pytest.approx(expected[name]), name
    peak = peak_weighted_crps(y, quantiles, DENSE_LEVELS, reference.peak[windows.series])
    assert result.scores["peak_weighted_crps"] == pytest.approx(peak)
    assert result.reliability.pinball.mean() == pytest.approx(expected["mean_pinball"])


def test_missing_targets_count_nowhere(walks):
    target = walks.target.copy()
    target[390:396] = np.nan
    gappy = panel_of(target[:400], target[400:])
    windows = rolling_windows(gappy, HORIZON, num_windows=4, step=6, first=np.array([300, 200]))
    # The hole covers one row of the first series' last but one window and five of its last.
    assert windows.origin[:4].tolist() == [376, 382, 388, 394]
    quantiles = LastValue().quantiles(windows)
    result = score_windows(
        windows, quantiles, DENSE_LEVELS, SeriesReference.of(gappy, np.array([300, 200]))
    )
    assert result.windows.known_steps.tolist() == [6, 6, 2, 4, 6, 6, 6, 6]
    assert np.isfinite(result.windows.drop(columns=["item_id", "origin", "start"]).to_numpy()).all()
    known = evaluate(windows.target(), quantiles, DENSE_LEVELS)
    assert result.scores["crps"] == pytest.approx(known["crps"])


def test_paths_bring_joint_scores(walks):
    windows = rolling_windows(walks, HORIZON, num_windows=10, step=6, first=np.array([200, 150]))
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(len(windows), 80, HORIZON))
    last = windows.history(1)[:, None]
    joint, alone = last + noise.cumsum(axis=2), last + noise * np.sqrt(np.arange(1, HORIZON + 1))
    quantiles = LastValue().quantiles(windows)
    reference = SeriesReference.of(walks, np.array([200, 150]))
    right, wrong = (
        score_windows(windows, quantiles, DENSE_LEVELS, reference, paths).scores
        for paths in (joint, alone)
    )
    assert right["sum_pinball"] < wrong["sum_pinball"]
    assert right["variogram_score"] < wrong["variogram_score"]
    assert right["ramp_pinball"] < wrong["ramp_pinball"]
    assert right["crps"] == wrong["crps"]


def test_a_series_without_scale_has_no_mase_and_json_says_none():
    constant = panel_of(np.full(300, 4.0), timezone="Europe/Berlin")
    result = run(constant, num_windows=3)
    assert np.isnan(result.scores["mase"])
    document = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert document["scores"]["mase"] is None
    assert document["windows"][0]["item_id"] == "a"
    # Clocks went forward on 31 March: local stamps say their offset.
    assert document["windows"][-1]["origin"] == "2024-04-11T08:00:00+02:00"
    assert {"level", "observed", "pinball"} == document["reliability"][0].keys()
    assert len(document["pit"]) == 10


def test_origins_are_those_at_which_the_task_issues_forecasts(walks):
    config = TaskConfig(horizon=HORIZON, issue_times=("06:00", "18:00"), lead_time=2)
    windows = issued_windows(walks, config, num_windows=4, first=np.array([200, 270]))
    hours = pd.DatetimeIndex(walks.time[walks.offsets[windows.series] + windows.origin]).hour
    assert hours.tolist() == [18, 6, 18, 6, 6, 18]
    assert windows.origin.tolist() == [354, 366, 378, 390, 270, 282]


def test_of_a_delivery_day_only_its_own_steps_are_scored():
    clock = pd.date_range("2024-10-20", "2024-10-30", freq="h", tz="Europe/Berlin")
    walk = panel_of(np.arange(float(len(clock))), timezone="Europe/Berlin")
    walk = replace(
        walk,
        time=clock.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[us]"),
        local_time=clock.tz_localize(None).to_numpy("datetime64[us]"),
    )
    config = settled(TaskConfig(issue_times=("11:00",), delivery_day=1), walk)
    found = backtest_as_issued(LastValue(), walk, config, num_windows=3, first=np.array([100]))
    assert found.windows["origin"].dt.hour.tolist() == [11, 11, 11]
    assert found.windows["known_steps"].tolist() == [25, 24, 24]
