"""The runners of the library under their contract, and what is special about processes."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from autopq.energy import EnergyMeter, SyntheticSource
from autopq.search.trials.base import TrialRequest
from autopq.search.trials.inline import InlineTrials
from autopq.search.trials.processes import ProcessTrials
from tests.contracts.trial_runners import (
    Ground,
    ProcessRunnerContract,
    RunnerContract,
    requests,
)
from tests.contracts.works import Parabola, Signals, Unreadable, Unwelcome


class TestInline(RunnerContract):
    @pytest.fixture
    def runner(self):
        return InlineTrials()


class TestProcesses(ProcessRunnerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls):
        # Starting a process takes seconds: one runner serves all tests.
        made = ProcessTrials(2)
        yield made
        made.close()

    def test_there_are_no_more_processes_than_workers(self, runner, floor):
        self.run(runner, Parabola(0.5), requests(*range(6)), floor)
        used = {process for _, process in floor.metered_trials}
        assert len(used) == 2
        assert os.getpid() not in used

    def test_both_tries_are_metered_and_count(self, runner, floor, tmp_path):
        dies = self.deadly(runner, floor, tmp_path, 1)
        assert [name for name, _ in floor.metered_trials].count("dies") == 2
        assert dies.seconds == 2.0
        assert dies.energy_mj == 2000

    def test_how_a_process_died_is_told(self, runner, floor, tmp_path):
        dies = self.deadly(runner, floor, tmp_path, 10)
        assert dies.outcome.error == "its process ended with code 3"

    def test_a_trial_goes_on_with_the_processes_that_can_begin(self, runner, floor, tmp_path):
        asked = requests(*range(5))
        found = self.run(runner, Unwelcome(tmp_path, 1), asked, floor)
        assert [finished.outcome.score for finished in found] == list(range(5))

    def test_without_any_process_the_trials_say_why(self, runner, floor, tmp_path):
        found = self.run(runner, Unwelcome(tmp_path, 10), requests(1.0, 2.0, 3.0), floor)
        assert [finished.index for finished in found] == [0, 1, 2]
        reason = "a process for trials could not begin: its process ended with code 4"
        assert {finished.outcome.error for finished in found} == {reason}

    def test_what_a_trial_starts_can_be_interrupted(self, runner, floor):
        (found,) = self.run(runner, Signals(), requests(0.0), floor)
        assert found.outcome.score == 0


def test_an_outcome_that_cannot_be_read_leaves_no_process():
    runner, floor = ProcessTrials(1), Ground()
    runner.open(Unreadable())
    with pytest.raises(ValueError, match="no number"):
        list(runner.run(requests(1.0), floor))
    runner.close()
    ((_, pid),) = floor.metered_trials
    assert not psutil.pid_exists(pid)


def test_closing_leaves_no_process():
    runner, floor = ProcessTrials(1), Ground()
    runner.open(Parabola(0.0))
    (_,) = runner.run(requests(1.0), floor)
    ((_, pid),) = floor.metered_trials
    assert psutil.pid_exists(pid)
    runner.close()
    assert not psutil.pid_exists(pid)


ORPHAN = """
import sys
from pathlib import Path
from autopq.search.trials.base import TrialRequest
from autopq.search.trials.processes import ProcessTrials
from tests.contracts.trial_runners import Ground
from tests.contracts.works import Endless

runner = ProcessTrials(2)
runner.open(Endless(Path(sys.argv[1])))
list(runner.run([TrialRequest("one", "endless"), TrialRequest("two", "endless")], Ground()))
"""


def test_processes_end_with_the_one_that_started_them(tmp_path):
    # No guard of `__main__` is needed in the script either.
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN, str(tmp_path)])
    try:
        _until(lambda: len(list(tmp_path.iterdir())) == 2)
        pids = [int(file.suffix[1:]) for file in tmp_path.iterdir()]
    finally:
        parent.kill()
        parent.wait()
    _until(lambda: not any(_runs(pid) for pid in pids))


def test_trials_side_by_side_and_the_rest_are_the_phase_to_the_last_digit():
    from autopq.observer import SilentObserver
    from autopq.search.cost import Workbench
    from tests.contracts.works import Busy

    rows = []
    source = SyntheticSource(time.monotonic, lambda t: {"cpu": 60 + 7 * (t % 1), "ram": 3.1})
    runner = ProcessTrials(2)
    asked = [
        TrialRequest(f"trial#{n}", "busy", {"seconds": 0.1 * n}, forecaster="mlp")
        for n in range(1, 6)
    ]
    with EnergyMeter(source, rows.append) as meter:
        bench = Workbench(SilentObserver(), meter)
        with bench.phase("select"):
            runner.open(Busy())
            try:
                found = {}
                for finished in runner.run(asked, bench):
                    meter.flush()  # as a heartbeat does in between
                    found[asked[finished.index].name] = finished
            finally:
                runner.close()
    assert len(found) == 5
    by_trial = {}
    for row in rows:
        key = row.trial if row.phase == "select" else "outside"
        by_trial[key] = by_trial.get(key, 0) + row.total_mj
    for name, finished in found.items():
        assert finished.energy_mj == by_trial[name] > 0
        assert finished.seconds > 0
    phase = sum(row.total_mj for row in rows if row.phase == "select")
    own = by_trial[None]
    assert sum(finished.energy_mj for finished in found.values()) + own == phase
    assert sum(row.total_mj for row in rows) == meter.total_mj


def _until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
