"""A limited fit keeps back what scoring, calibrating and refitting will take, says what it had no
room for, and keeps its limit."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.data.example import synthetic_load
from autopq.energy.meter import EnergyMeter
from autopq.energy.source import Reading, SyntheticSource
from autopq.observer import SilentObserver
from autopq.quantiles import registry
from autopq.quantiles.residual import ResidualQuantiles

TABLE = synthetic_load(np.random.default_rng(0), days=60)
TASK = {
    "target": "load",
    "horizon": 24,
    "preset": "fast",
    "forecasters": ("climatology",),
    "quantile_models": ("residual", "dear"),
}
FIT_J = 100.0
# With a joule for each forecast: 32 are shown, about 470 scored, 450 looked up to calibrate, and
# 320 tell the importance of inputs; a refit takes 100 J and is expected to take 125.
SHOWN = 32
BLOCK = 64


class Tally:
    """An `EnergySource` of joules that are counted one by one."""

    provenance = SyntheticSource(time.monotonic).provenance

    def __init__(self):
        self.joules = 0.0
        self.dearer = 1.0  # by what a forecast is dearer than those that are shown

    def start(self):
        return None

    def read(self):
        return Reading(self.joules, 0.0, 0.0)

    def stop(self):
        return None


@pytest.fixture
def tally(monkeypatch):
    """What a plug-in model, good and dear, has drawn."""
    counted = Tally()

    class Dear(ResidualQuantiles):
        name = "dear"
        fits_on_validation = False

        def fit(self, *arguments):
            counted.joules += FIT_J
            super().fit(*arguments)

        def quantiles(self, windows, *arguments):
            for first in range(0, len(windows), BLOCK):
                self.check_stop()
                block = min(BLOCK, len(windows) - first)
                counted.joules += block * (1.0 if len(windows) <= SHOWN else counted.dearer)
            return super().quantiles(windows, *arguments)

    loaded = registry.load
    monkeypatch.setattr(registry, "load", lambda name: Dear if name == "dear" else loaded(name))
    return counted


class Trials(SilentObserver):
    def __init__(self):
        self.names = []

    def trial(self, trial):
        self.names.append(trial.name)


def fit(tally, **limits):
    observer = Trials()
    with EnergyMeter(tally) as meter:
        result = AutoPQ(TaskConfig(**TASK, **limits), observer=observer, meter=meter).fit(TABLE)
    chosen = next(row for row in result.leaderboard if row.chosen)
    return SimpleNamespace(result=result, chosen=chosen, trials=observer.names)


@pytest.fixture
def whole(tally):
    """Joules of a fit without a limit, in which the dear model wins."""
    made = fit(tally)
    assert made.chosen.quantile_model == "dear"
    assert made.result.ended_by is None
    assert made.result.left_out == ()
    assert made.chosen.details["importance"]
    assert not [name for name in made.trials if "reserve" in name], "nothing is measured in vain"
    joules, tally.joules = tally.joules, 0.0
    return joules


@pytest.mark.slow
def test_a_candidate_that_could_not_be_scored_is_let_go_at_once(tally, whole):
    limit_j = whole / 3
    made = fit(tally, energy_limit_wh=limit_j / 3600)
    assert tally.joules <= FIT_J + SHOWN
    assert made.result.ended_by == "energy_limit_wh"
    assert made.chosen.reference
    dear = next(row for row in made.result.leaderboard if row.quantile_model == "dear")
    assert dear.error == "not scored: energy_limit_wh was reached"
    assert made.chosen.details["ended_by"] == "energy_limit_wh"
    assert np.isfinite(made.result.model.predict().quantiles).all()


def test_what_is_optional_is_left_out_first(tally, whole):
    limit_j = whole - 100
    made = fit(tally, energy_limit_wh=limit_j / 3600)
    assert made.chosen.quantile_model == "dear"
    assert made.result.ended_by == "energy_limit_wh"
    assert made.result.left_out == ("importance",)
    assert made.chosen.details["left_out"] == ["importance"]
    assert "importance" not in made.chosen.details
    assert "climatology+dear/refit" in made.trials
    assert tally.joules <= limit_j


@pytest.mark.slow
def test_a_generous_limit_changes_nothing(tally, whole):
    made = fit(tally, energy_limit_wh=1.2 * whole / 3600)
    assert made.result.ended_by is None
    assert made.result.left_out == ()
    assert tally.joules == whole + SHOWN


@pytest.fixture
def attentive(monkeypatch):
    """A budget that looks at the meter whenever it is asked, and not once a second."""
    monkeypatch.setattr("autopq.search.budget._LOOK_S", 0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("attentive")
def test_scores_that_take_more_than_was_shown_are_stopped_in_time(tally, whole):
    tally.dearer = 4.0
    made = fit(tally, energy_limit_wh=whole / 3600)
    dear = next(row for row in made.result.leaderboard if row.quantile_model == "dear")
    assert dear.error == "stopped when energy_limit_wh was reached"
    assert made.chosen.reference
    assert tally.joules < whole


@pytest.mark.slow
@pytest.mark.usefixtures("attentive")
def test_a_backtest_that_takes_more_than_expected_is_ended_and_left_out(tally, whole):
    # How many forecasts it corrects by is not known beforehand.
    limit_j = whole + 200
    made = fit(tally, backtest={"num_windows": 200, "step": 1}, energy_limit_wh=limit_j / 3600)
    assert made.chosen.quantile_model == "dear"
    assert made.result.left_out == ("importance", "backtest", "refit")
    assert made.result.backtest is None
    assert tally.joules <= 1.1 * limit_j
