"""The joint search: every component is tried, the worse half dropped, the best kept."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.observer import SilentObserver
from autopq.presets import EFFORTS


class Recorder(SilentObserver):
    def __init__(self):
        self.trials = []

    def trial(self, trial):
        self.trials.append(trial)


@pytest.fixture
def table():
    hours = np.arange(24 * 50)
    noise = np.random.default_rng(0).normal(0, 0.3, len(hours))
    time = pd.date_range("2024-01-01", periods=len(hours), freq="h")
    return pd.DataFrame({"timestamp": time, "target": 5 + np.sin(hours * np.pi / 12) + noise})


@pytest.fixture
def quick(monkeypatch):
    """The preset with smaller fits; which components and how many settings stay as they are."""
    small = {"max_rounds": 20, "max_rows": 3000}
    params = {
        "lightgbm": small,
        "lightgbm_quantile": small,
        "mlp": {"steps": 40, "max_rows": 3000, "members": 1},
        "mlp_quantile": {"max_epochs": 2, "max_rows": 3000, "seeds": 1},
    }
    effort = replace(EFFORTS["advanced"], params=params, train_windows=200, validation_windows=60)
    monkeypatch.setitem(EFFORTS, "advanced", effort)


SETTINGS = {
    "horizon": 24,
    "preset": "advanced",
    "forecasters": ("climatology", "lightgbm", "mlp"),
    "quantile_models": ("residual", "lightgbm_quantile", "mlp_quantile"),
    "refit": False,
}


def tried(trials):
    return [trial for trial in trials if "#" in trial.name and not {"/", "+"} & set(trial.name)]


@pytest.mark.slow
def test_all_components_are_tried_and_the_best_settings_reach_the_leaderboard(table, quick):
    recorder = Recorder()
    result = AutoPQ(TaskConfig(**SETTINGS), observer=recorder).fit(table)
    trials = tried(recorder.trials)
    counts = {}
    for trial in trials:
        assert trial.error is None, trial.error
        assert trial.score > 0
        counts.setdefault(trial.name.split("#")[0], []).append(trial.score)
    assert set(counts) == {"lightgbm", "mlp", "lightgbm_quantile", "mlp_quantile"}
    last = max(counts, key=lambda name: len(counts[name]))
    assert len(counts[last]) > 2 * min(len(scores) for scores in counts.values())
    # Of a quantile model that stands alone, the best setting tried is the one that is kept.
    best = min(counts["lightgbm_quantile"])
    row = next(r for r in result.leaderboard if r.name.startswith("lightgbm_quantile#"))
    assert row.validation["mean_pinball"] == pytest.approx(best)
    assert len({str(trial.params) for trial in trials}) == len(trials)


@pytest.mark.slow
def test_the_search_keeps_to_the_number_of_trials_and_repeats_itself(table, quick):
    runs = []
    for _ in range(2):
        recorder = Recorder()
        config = TaskConfig(**SETTINGS, max_trials=7)
        result = AutoPQ(config, observer=recorder).fit(table)
        assert result.ended_by == "max_trials"
        runs.append([(t.name, str(t.params), t.score) for t in tried(recorder.trials)])
    assert runs[0] == runs[1]
    # Two forecasters count as well; the climatology is a reference.
    assert len(runs[0]) == 5


def test_components_that_the_task_leaves_out_are_not_tuned(table, quick):
    recorder = Recorder()
    settings = SETTINGS | {"forecasters": ("climatology",), "quantile_models": ("residual",)}
    AutoPQ(TaskConfig(**settings), observer=recorder).fit(table)
    assert not tried(recorder.trials)
