"""What every trial runner owes its caller. A backend's tests subclass `RunnerContract` and give a
fixture `runner`, of any scope, that closes it."""

import contextlib

import numpy as np
import pytest

from autopq.energy import Span
from autopq.search.trials.base import TrialRequest
from tests.contracts.works import Deadly, Endless, Faulty, Parabola, Scratch, Threads


class Ground:
    """A `Floor` that keeps what was metered, and stops once told to."""

    def __init__(self):
        self.metered_trials = []
        self.open_trials = []
        self.stop = lambda: False

    @contextlib.contextmanager
    def metered(self, request, process):
        span = Span()
        self.open_trials.append(request.name)
        yield span
        self.open_trials.remove(request.name)
        span.seconds, span.energy_mj = 1.0, 1000
        self.metered_trials.append((request.name, process))

    def should_stop(self):
        return self.stop()


def requests(*values):
    return [TrialRequest(f"trial#{n}", "parabola", {"x": x}) for n, x in enumerate(values, 1)]


class RunnerContract:
    @pytest.fixture
    def floor(self):
        return Ground()

    def run(self, runner, work, asked, floor):
        runner.open(work)
        return sorted(runner.run(asked, floor), key=lambda finished: finished.index)

    def test_every_trial_ends_once_with_what_it_found(self, runner, floor):
        asked = requests(*range(7))
        found = self.run(runner, Parabola(2.0), asked, floor)
        assert [finished.index for finished in found] == list(range(7))
        for finished, request in zip(found, asked, strict=True):
            x = request.params["x"]
            outcome = finished.outcome
            assert outcome.error is None
            assert outcome.score == (x - 2.0) ** 2
            assert outcome.values == (abs(x - 2) + 3, abs(x - 2) + 2, abs(x - 2) + 1)
            assert outcome.state.meta == {"name": request.name}
            assert outcome.state.arrays["x"].tolist() == [x]
            assert finished.seconds > 0
        assert not floor.open_trials

    def test_a_runner_is_used_again_with_other_data(self, runner, floor):
        runner.open(Parabola(0.0))
        (first,) = runner.run(requests(3.0), floor)
        (second,) = runner.run(requests(4.0), floor)
        runner.open(Parabola(1.0))
        (third,) = runner.run(requests(3.0), floor)
        assert [f.outcome.score for f in (first, second, third)] == [9.0, 16.0, 4.0]

    def test_an_error_is_the_trials_own(self, runner, floor):
        asked = [
            TrialRequest("bad", "faulty", {"reason": "no such thing"}),
            TrialRequest("good", "faulty"),
        ]
        bad, good = self.run(runner, Faulty(), asked, floor)
        assert bad.outcome.error == "ValueError: no such thing"
        assert not bad.outcome.pruned
        assert good.outcome.error is None
        assert good.outcome.score == 1.0

    def test_a_trial_that_falls_behind_is_pruned_there(self, runner, floor):
        asked = [
            TrialRequest("behind", "parabola", {"x": 9.0}, ceilings=(20.0, 4.0, 4.0)),
            TrialRequest("ahead", "parabola", {"x": 1.0}, ceilings=(20.0, 4.0, 4.0)),
        ]
        behind, ahead = self.run(runner, Parabola(0.0), asked, floor)
        assert behind.outcome.pruned
        assert behind.outcome.values == (12.0, 11.0)
        assert behind.outcome.error == "pruned: 11 at step 2, where others had 4"
        assert ahead.outcome.error is None
        assert ahead.outcome.score == 1.0

    def test_a_stop_ends_what_runs_and_begins_nothing(self, runner, floor, tmp_path):
        floor.stop = lambda: any(tmp_path.iterdir())
        asked = [TrialRequest(f"trial{n}", "endless") for n in range(20)]
        found = self.run(runner, Endless(tmp_path), asked, floor)
        begun = {file.name.split(".")[0] for file in tmp_path.iterdir()}
        assert begun
        assert begun <= {asked[finished.index].name for finished in found}
        assert all(finished.outcome.stopped for finished in found)
        assert len(found) < len(asked)
        assert not floor.open_trials

    def test_each_trial_has_one_thread(self, runner, floor):
        (found,) = self.run(runner, Threads(), requests(0.0), floor)
        assert found.outcome.score == 1.0

    def test_closing_twice_is_harmless_and_nothing_runs_unopened(self, runner, floor):
        runner.close()
        runner.close()
        with pytest.raises(RuntimeError, match="open the runner first"):
            list(runner.run(requests(1.0), floor))


class ProcessRunnerContract(RunnerContract):
    """The same of runners whose trials have processes of their own, which may die."""

    def deadly(self, runner, floor, folder, times):
        """A trial whose process dies so many times, and one beside it."""
        asked = [
            TrialRequest("dies", "deadly", {"x": 5, "deadly": True}),
            TrialRequest("lives", "deadly", {"x": 6}),
        ]
        dies, lives = self.run(runner, Deadly(folder, times), asked, floor)
        assert lives.outcome.score == 6
        return dies

    def test_a_trial_whose_process_dies_is_run_once_more(self, runner, floor, tmp_path):
        dies = self.deadly(runner, floor, tmp_path, 1)
        assert dies.outcome.error is None
        assert dies.outcome.score == 5

    def test_a_trial_whose_process_always_dies_says_so(self, runner, floor, tmp_path):
        dies = self.deadly(runner, floor, tmp_path, 10)
        assert "process" in dies.outcome.error
        assert len(list(tmp_path.iterdir())) == 2

    def test_what_one_fit_holds_is_the_trials_own_to_change(self, runner, floor):
        """Whatever the way there makes of arrays."""
        for _ in range(2):
            (found,) = self.run(runner, Scratch(np.ones(3)), requests(0.0), floor)
            assert found.outcome.score == 3.0
            found.outcome.state.arrays["x"] += 1.0
