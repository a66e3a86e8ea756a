"""Limits end the search, not the fit: the best so far is calibrated and returned."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.energy.meter import EnergyMeter
from autopq.energy.source import SyntheticSource
from autopq.errors import Stopped
from autopq.observer import SilentObserver
from autopq.presets import EFFORTS
from autopq.search.budget import MARGIN, Budget
from autopq.search.cost import NOTHING, Cost


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def table(days=60):
    hours = np.arange(24 * days)
    noise = np.random.default_rng(0).normal(0, 0.3, len(hours))
    time = pd.date_range("2024-01-01", periods=len(hours), freq="h")
    return pd.DataFrame({"timestamp": time, "target": 5 + np.sin(hours * np.pi / 12) + noise})


def budget(clock, meter=None, spent=NOTHING, **limits):
    made = meter or EnergyMeter(SyntheticSource(clock))
    return Budget(TaskConfig(**limits), made, spent=spent, clock=clock)


def test_the_search_may_use_all_that_is_not_kept_back():
    clock = Clock()
    made = budget(clock, time_limit=100)
    made.kept = Cost(seconds=30)
    clock.now = 100 * (1 - MARGIN) - 30
    assert not made.spent()
    assert made.ended_by is None
    clock.now += 0.1
    assert made.spent()
    assert made.ended_by == "time_limit"
    made.kept = Cost(seconds=10)
    assert made.spent(), "what has ended does not begin again"
    assert made.allows(Cost(seconds=19))
    assert not made.allows(Cost(seconds=20))


def test_what_is_left_out_names_its_limit():
    made = budget(Clock(), time_limit=100, energy_limit_wh=1)
    assert made.allows(Cost(seconds=90))
    assert made.ended_by is None
    assert not made.allows(Cost(seconds=90, energy_mj=3_600_000))
    assert made.ended_by == "energy_limit_wh"
    assert not made.spent(), "something smaller may still fit"


def test_what_was_spent_before_the_fit_counts():
    clock = Clock()
    made = budget(clock, time_limit=100, spent=Cost(seconds=60))
    clock.now = 30.0
    left = 100 * (1 - MARGIN) - 90
    assert made.allows(Cost(seconds=left))
    assert not made.allows(Cost(seconds=left + 0.1))


def test_watt_hours_are_counted_from_the_start_of_the_fit():
    clock = Clock()
    with EnergyMeter(SyntheticSource(clock, lambda _: {"cpu": 3600.0}), clock=clock) as meter:
        clock.now = 10.0  # 10 Wh before the fit
        meter.flush()
        made = budget(clock, meter, energy_limit_wh=10)
        assert not made.spent()
        clock.now = 10 + 10 * (1 - MARGIN) - 0.1
        meter.flush()
        assert not made.spent()
        clock.now += 0.2
        meter.flush()
        assert made.spent()
    assert made.ended_by == "energy_limit_wh"


def test_watt_hours_are_seen_while_a_trial_still_runs():
    clock = Clock()
    source = SyntheticSource(clock, lambda _: {"cpu": 3600.0})
    with EnergyMeter(source, clock=clock) as meter, meter.trial("long"):
        made = budget(clock, meter, energy_limit_wh=10)
        clock.now = 5.0
        assert not made.over()
        clock.now = 9.8
        assert made.over()
        assert made.ended_by == "energy_limit_wh"


def test_the_last_trial_that_may_begin_may_also_end():
    made = budget(Clock(), max_trials=2)
    made.count_trial()
    assert not made.spent()
    made.count_trial()
    assert made.spent()
    assert not made.over()
    assert made.ended_by == "max_trials"


def test_without_limits_nothing_is_ever_spent():
    clock = Clock()
    made = budget(clock)
    clock.now = 1e9
    assert not made.spent()
    assert made.allows(Cost(seconds=1e9, energy_mj=10**15))


@pytest.mark.parametrize("limit", [{"time_limit": 1e-3}, {"max_trials": 0}])
def test_what_is_left_is_the_references_and_the_rows_say_why(limit):
    result = AutoPQ(TaskConfig(horizon=24, **limit)).fit(table())
    (name,) = limit
    assert result.ended_by == name
    chosen = next(row for row in result.leaderboard if row.chosen)
    assert chosen.reference
    assert chosen.details["ended_by"] == name
    left_out = [row for row in result.leaderboard if not row.reference or row.error]
    assert left_out
    assert all(row.error == f"not tried: {name} was reached" for row in left_out)
    assert np.isfinite(result.model.predict().quantiles).all()


def test_a_model_whose_forecasts_out_of_fold_were_not_made_has_a_row_that_says_why():
    task = TaskConfig(
        horizon=24,
        forecasters=("linear",),
        quantile_models=("residual", "cinn_residual"),
        max_trials=1,
    )
    rows = AutoPQ(task).fit(table()).leaderboard
    (row,) = (row for row in rows if row.quantile_model == "cinn_residual")
    assert row.name == "linear+cinn_residual"
    assert row.error == "not tried: max_trials was reached"


class PowerOnceFitting(SilentObserver):
    """Asks for a great deal of power once the fit after the reference's goes on and on, by how
    often that one asks whether to stop."""

    def __init__(self):
        self.asked = None

    def trial(self, trial):
        if trial.quantile_model == "residual":
            self.asked = 0

    def should_stop(self):
        if self.asked is not None:
            self.asked += 1
        return False

    def watts(self, _):
        return {"cpu": 3.6e6 if (self.asked or 0) > 30 else 0.0}


@pytest.mark.slow
def test_a_fit_in_progress_stops_at_the_limit_and_the_rest_goes_on(monkeypatch):
    settings = {
        "forecasters": ("climatology",),
        "quantile_models": ("residual", "lightgbm_quantile"),
        "energy_limit_wh": 1.0,
    }
    endless = {"lightgbm_quantile": {"max_rounds": 10**6, "patience": 10**6, "num_leaves": 31}}
    monkeypatch.setitem(EFFORTS, "default", replace(EFFORTS["default"], params=endless))
    observer = PowerOnceFitting()
    with EnergyMeter(SyntheticSource(time.monotonic, observer.watts)) as meter:
        fit = AutoPQ(TaskConfig(horizon=24, **settings), observer=observer, meter=meter)
        result = fit.fit(table())
    assert result.ended_by == "energy_limit_wh"
    stopped = next(r for r in result.leaderboard if r.quantile_model == "lightgbm_quantile")
    assert stopped.error == "stopped when energy_limit_wh was reached"


def test_a_stop_from_outside_ends_the_fit_whatever_the_budget():
    class Impatient(SilentObserver):
        def should_stop(self):
            return True

    with pytest.raises(Stopped):
        AutoPQ(TaskConfig(horizon=24, time_limit=100), observer=Impatient()).fit(table())
