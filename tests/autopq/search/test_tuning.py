"""The joint search: every component is tried, the worse half dropped, the best kept."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.errors import Stopped
from autopq.observer import SilentObserver
from autopq.presets import EFFORTS
from autopq.search.store import SearchStore, WarmStart
from autopq.search.trials.base import TrialOutcome
from autopq.search.trials.inline import InlineTrials
from autopq.search.trials.processes import ProcessTrials


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
    # The better half of the first rung, and no other, is given more settings.
    first = min(len(scores) for scores in counts.values())
    ranked = sorted(counts, key=lambda name: min(counts[name][:first]))
    assert [len(counts[name]) > first for name in ranked] == [True, True, False, False]
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
        # Trials may run side by side: what is tried is the same, the order they end in is not.
        runs.append(sorted((t.name, str(t.params), t.score) for t in tried(recorder.trials)))
    assert runs[0] == runs[1]
    # Two forecasters count as well; the climatology is a reference.
    assert len(runs[0]) == 5
    assert all(score is not None for _, _, score in runs[0])


def test_components_that_the_task_leaves_out_are_not_tuned(table, quick):
    recorder = Recorder()
    settings = SETTINGS | {"forecasters": ("climatology",), "quantile_models": ("residual",)}
    AutoPQ(TaskConfig(**settings), observer=recorder).fit(table)
    assert not tried(recorder.trials)


class Counting(InlineTrials):
    """Counts the trials it runs, and breaks off after some."""

    def __init__(self, most=10**6):
        super().__init__()
        self.names, self.most = [], most
        self.rounds = 0

    def run(self, asked, floor):
        self.rounds += 1
        for finished in super().run(asked, floor):
            self.names.append(asked[finished.index].name)
            if len(self.names) >= self.most:
                raise KeyboardInterrupt  # before anybody was told
            yield finished


def search(table, runner=None, store=None, warm_start=(), **changes):
    """What was tried, as (name, parameters, score), and the result."""
    recorder = Recorder()
    config = TaskConfig(**SETTINGS, max_trials=9, **changes)
    fit = AutoPQ(config, observer=recorder, runner=runner, store=store, warm_start=warm_start)
    result = fit.fit(table)
    return [(t.name, str(t.params), t.score) for t in tried(recorder.trials)], result


@pytest.mark.slow
def test_the_same_is_found_in_this_process_and_in_others(table, quick):
    runs = [search(table, runner) for runner in (InlineTrials(), ProcessTrials(2))]
    (inline, here), (beside, there) = [(sorted(trials), result) for trials, result in runs]
    assert inline == beside
    assert len(inline) == 7
    forecasts = [result.model.predict().quantiles for result in (here, there)]
    np.testing.assert_array_equal(*forecasts)


@pytest.mark.slow
def test_a_search_that_broke_off_goes_on_where_it_was(table, quick, tmp_path):
    whole, expected = search(table, Counting())
    store = SearchStore(tmp_path / "search")
    first, second = Counting(4), Counting()
    with pytest.raises(KeyboardInterrupt):
        search(table, first, store)
    # The process may have been killed while it wrote.
    with (store.folder / "trials.journal").open("ab") as journal:
        journal.write(b'{"op_code":')
    _, result = search(table, second, store)
    # The one that broke off was told to nobody, and is run again; the others are not.
    assert first.names[:-1] + second.names == [name for name, _, _ in whole]
    np.testing.assert_array_equal(
        result.model.predict().quantiles, expected.model.predict().quantiles
    )
    again = Counting()
    search(table, again, store)
    assert not again.names


class Killed(SilentObserver):
    """Ends the process, as it were, in the moment in which it is told of a trial of the search."""

    def __init__(self):
        self.told = None

    def trial(self, trial):
        if "#" in trial.name:
            self.told = trial
            raise KeyboardInterrupt


def test_a_trial_that_was_told_of_is_never_run_again(table, quick, tmp_path):
    told = []
    for _ in range(2):
        observer = Killed()
        fit = AutoPQ(
            TaskConfig(**SETTINGS),
            observer=observer,
            runner=Counting(),
            store=SearchStore(tmp_path / "search"),
        )
        with pytest.raises(KeyboardInterrupt):
            fit.fit(table)
        told.append(observer.told)
    assert told[1].name == told[0].name
    assert [trial.earlier for trial in told] == [False, True]


class Impatient(SilentObserver):
    """Stops the fit between the first trial of the search and the next."""

    def __init__(self):
        self.stopped = False

    def trial(self, trial):
        self.stopped = self.stopped or "#" in trial.name

    def should_stop(self):
        return self.stopped


def test_nothing_more_is_proposed_after_a_stop(table, quick):
    runner = Counting()
    with pytest.raises(Stopped):
        AutoPQ(TaskConfig(**SETTINGS), observer=Impatient(), runner=runner).fit(table)
    assert len(runner.names) == runner.rounds == 1


@pytest.mark.slow
def test_a_store_is_not_taken_for_another_task(table, quick, tmp_path):
    store = SearchStore(tmp_path / "search")
    _, expected = search(table, Counting(), store)
    other = Counting()
    search(table, other, store, seed=1)
    assert len(other.names) == 7
    # Nor are the fits of the other taken for those of the first.
    again = Counting()
    _, result = search(table, again, store)
    assert not again.names
    np.testing.assert_array_equal(
        result.model.predict().quantiles, expected.model.predict().quantiles
    )


class Limited(Counting):
    """A limit stops its first trial."""

    def run(self, asked, floor):
        for finished in super().run(asked, floor):
            first = len(self.names) == 1
            yield replace(finished, outcome=TrialOutcome(stopped=True)) if first else finished


@pytest.mark.slow
def test_a_trial_that_a_limit_stopped_is_run_by_the_next_attempt(table, quick, tmp_path):
    store = SearchStore(tmp_path / "search")
    first, second = Limited(), Counting()
    search(table, first, store)
    search(table, second, store)
    assert second.names == first.names[:1]


@pytest.mark.slow
def test_a_search_starts_from_settings_that_did_well_before(table, quick):
    params = {"learning_rate": 0.1, "num_leaves": 9, "min_data_in_leaf": 20}
    params |= {"feature_fraction": 0.5, "lambda_l2": 2.0}
    known = WarmStart("lightgbm_quantile", params, "job_before")
    trials, _ = search(table, warm_start=[known])
    (first,) = [params for name, params, _ in trials if name == "lightgbm_quantile#1"]
    assert "'num_leaves': 9" in first
    assert "'lambda_l2': 2.0" in first
