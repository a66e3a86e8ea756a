"""The spread search: finds the right spread, by few evaluations, each of them on record."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from autopq.context import FitContext
from autopq.data.frequency import Frequency
from autopq.data.panel import Panel
from autopq.energy import EnergyMeter, SyntheticSource
from autopq.errors import AutoPQError
from autopq.evaluation.grid import DENSE_LEVELS, PERCENT_LEVELS
from autopq.evaluation.scores import mean_pinball
from autopq.observer import SilentObserver
from autopq.quantiles import registry
from autopq.search.cost import Workbench
from autopq.search.spread import search_spread

HORIZON = 24
WINDOWS = 120


class Recorder(SilentObserver):
    def __init__(self):
        self.trials = []

    def trial(self, trial):
        self.trials.append(trial)


def make_panel(target):
    rows = len(target)
    time = np.datetime64("2024-01-01", "ns") + np.arange(rows) * np.timedelta64(1, "h")
    return Panel(
        item_ids=("a",),
        offsets=np.array([0]),
        lengths=np.array([rows]),
        sizes=np.array([rows]),
        time=time,
        local_time=time,
        target=target,
        covariates=np.zeros((rows, 0)),
        covariate_names=(),
        freq=Frequency("h"),
        timezone=None,
    )


@pytest.fixture(scope="module")
def world():
    """A fitted model, and windows whose every second day is what it calls the point forecast."""
    rng = np.random.default_rng(5)
    rows = 2 * HORIZON * (WINDOWS + 2)
    noise = rng.normal(size=rows)
    noise[1:] = 0.8 * noise[1:] + 0.6 * noise[:-1]
    panel = make_panel(100 + 10 * np.sin(2 * np.pi * np.arange(rows) / 24) + 5 * noise)
    context = FitContext(0, SilentObserver(), torch.device("cpu"))
    model = registry.create(
        "cinn_additive", blocks=4, max_epochs=4, batch_size=128, paths=128, history=HORIZON
    )
    train = panel.windows([np.arange(48, rows - HORIZON, 5)], HORIZON)
    model.fit(train, None, train.take(slice(0, 100)), None, context)
    windows = panel.windows([48 + 2 * HORIZON * np.arange(WINDOWS)], HORIZON)
    return model, windows, windows.target()


def with_truth_drawn(model, windows, points, spread):
    """The windows with targets drawn from the model itself: the history of each stays as it was."""
    draws = model.draws(windows, points, 1, np.random.default_rng(99))
    target = windows.panel.target.copy()
    target[windows.steps] = draws.paths(spread, slice(None))[:, 0, :]
    return replace(windows, panel=replace(windows.panel, target=target))


def search(model, windows, points, *, seed=0, trials=20, paths=64, **limits):
    recorder = Recorder()
    context = FitContext(seed, recorder, torch.device("cpu"))
    with EnergyMeter(SyntheticSource(time.perf_counter)) as meter:
        bench = Workbench(recorder, meter)
        with bench.phase("search"):
            score = search_spread(
                model,
                windows,
                points,
                forecaster="point",
                candidate=f"point+{model.name}",
                trials=trials,
                paths=paths,
                context=context,
                bench=bench,
                **limits,
            )
    return score, recorder.trials


@pytest.mark.parametrize("truth", [0.15, 0.6])
def test_the_spread_the_truth_was_drawn_with_is_recovered(world, truth):
    model, windows, points = world
    drawn = with_truth_drawn(model, windows, points, truth)
    # Few paths put outer quantiles too far in, which a smaller spread seems to mend.
    _, trials = search(model, drawn, points, paths=256)
    assert model.spread == pytest.approx(truth, rel=0.05)
    assert len(trials) <= 15
    assert all(model.spread_range[0] <= t.params["spread"] <= model.spread_range[1] for t in trials)


def test_the_best_trial_is_used_afterwards_and_the_search_repeats(world):
    model, windows, points = world
    drawn = with_truth_drawn(model, windows, points, 0.4)
    score, trials = search(model, drawn, points)
    best = min(trials, key=lambda trial: trial.score)
    assert score == best.score
    assert model.spread == best.params["spread"]
    assert model.spread != trials[-1].params["spread"] or best is trials[-1]
    chosen = model.quantiles(drawn, points, DENSE_LEVELS, np.random.default_rng(0))
    loaded = type(model).from_state(model.state())
    assert (loaded.quantiles(drawn, points, DENSE_LEVELS, np.random.default_rng(0)) == chosen).all()
    _, again = search(model, drawn, points)
    assert [t.params for t in again] == [t.params for t in trials]
    assert [t.score for t in again] == [t.score for t in trials]


def test_no_spread_of_a_dense_grid_is_clearly_better(world):
    model, windows, points = world
    drawn = with_truth_drawn(model, windows, points, 0.3)
    score, _ = search(model, drawn, points)
    draws = model.draws(drawn, points, 64, np.random.default_rng(1))
    grid = np.geomspace(0.05, 1.5, 12)
    scores = [
        mean_pinball(
            drawn.target(), draws.quantiles(spread, slice(None), PERCENT_LEVELS), PERCENT_LEVELS
        )
        for spread in grid
    ]
    assert score <= 1.005 * min(scores)
    assert scores[0] > 1.02 * score
    assert scores[-1] > 1.02 * score


def test_trials_are_limited_and_named(world):
    model, windows, points = world
    _, trials = search(model, windows, points, trials=3)
    assert [trial.name for trial in trials] == [
        f"point+cinn_additive/spread/{i}" for i in (1, 2, 3)
    ]
    assert all(trial.quantile_model == "cinn_additive" for trial in trials)


def test_limits_count_in_the_score(world):
    model, windows, points = world
    free, _ = search(model, windows, points, trials=4)
    # With the upper limit far below every target, clipped forecasts are all alike and all wrong.
    bound, trials = search(model, windows, points, trials=4, upper=0.0)
    assert bound > 5 * free
    assert len({round(trial.score, 6) for trial in trials}) == 1


def test_when_nothing_can_be_scored_it_says_so_and_keeps_the_trials(world):
    model, windows, points = world
    with pytest.raises(AutoPQError, match="no spread"):
        search(model, windows, np.full_like(points, np.nan), trials=2)


def test_a_model_without_a_spread_is_refused(world):
    _, windows, points = world
    with pytest.raises(TypeError, match="no spread"):
        search(registry.create("residual"), windows, points)
