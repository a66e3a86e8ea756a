"""How the trials of a search scale with the processes that run them.

    python -m benchmarks.scaling [--runner processes ray] [--fits 1 2] [--naps 1 4 16 64]

Hands trials to the product's own runners, metered as in a job. With `--fits` they compute: beside
their rate stands that of as many processes apart from each other, which is what the machine can
give; of some rounds the best of each counts, since others may use the machine. With `--naps` they
sleep, so that the way there and back is seen at more processes than the machine has cores.
`--memory` hands out so many trials that take no time, and tells what the driver held after a tenth
of them and after all.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil

from autopq.energy import EnergyMeter, create_meter
from autopq.observer import SilentObserver
from autopq.search.cost import Workbench
from autopq.search.trials.base import TrialRequest, TrialRunner, Work
from autopq.search.trials.processes import ProcessTrials
from benchmarks.ending import end_when_told
from benchmarks.scaling.apart import rate_apart
from benchmarks.scaling.works import Nap, rows
from tests.ray_head import running_ray

_WARMING = 5  # rounds at most until every process has begun
_ALL_AT_ONCE_S = 1.5  # for a round of naps of a second
_FIT = TrialRequest("fit", "trial", {"learning_rate": 0.05})
Make = Callable[[int, EnergyMeter], TrialRunner]


class Course:
    """A runner with so many processes, all of them started, and the workbench of a search."""

    def __init__(self, runner: TrialRunner, meter: EnergyMeter, workers: int) -> None:
        self._runner = runner
        self._bench = Workbench(SilentObserver(), meter)
        self._number = 0
        runner.open(Nap())
        for _ in range(_WARMING):
            if self.run([{"seconds": 1.0}] * workers) < _ALL_AT_ONCE_S:
                break

    def open(self, work: Work) -> None:
        self._runner.open(work)

    def run(self, settings: list[dict[str, float]]) -> float:
        """Seconds until all have ended and are told."""
        requests = []
        for params in settings:
            self._number += 1
            requests.append(TrialRequest(f"trial#{self._number}", "trial", dict(params)))
        began = time.monotonic()
        for finished in self._runner.run(requests, self._bench):
            request = requests[finished.index]
            result = self._bench.result(request, finished)
            self._bench.report(request, result)
            assert result.error is None, result.error
        return time.monotonic() - began


@contextmanager
def course(make: Make, workers: int) -> Iterator[Course]:
    with create_meter() as meter:
        runner = make(workers, meter)
        try:
            with meter.phase("search"):
                yield Course(runner, meter, workers)
        finally:
            runner.close()


def measure_fits(make: Make, counts: list[int], each: int, rounds: int) -> None:
    work = rows()
    table("trials/s", "processes apart", "of that", "load")
    for workers in counts:
        best = apart = 0.0
        with course(make, workers) as track:
            track.open(work)
            track.run([_FIT.params] * workers)  # all have been given the work
            for _ in range(rounds):
                trials = workers * each
                best = max(best, trials / track.run([_FIT.params] * trials))
                apart = max(apart, rate_apart(work, _FIT, workers, each))
        row(workers, f"{best:.2f}", f"{apart:.2f}", f"{best / apart:.2f}")


def measure_naps(make: Make, counts: list[int], each: int, seconds: float) -> None:
    table("trials/s", "of the ideal", "driver's ms a trial", "load")
    for workers in counts:
        trials = workers * each
        with course(make, workers) as track:
            began = time.process_time()
            took = track.run([{"seconds": seconds}] * trials)
            spent = time.process_time() - began
        told = trials / took, each * seconds / took, 1000 * spent / trials
        row(workers, *(f"{figure:.2f}" for figure in told))


def measure_memory(make: Make, trials: int) -> None:
    process = psutil.Process()
    with course(make, 2) as track:
        held = []
        for _ in range(10):
            track.run([{"seconds": 0.0}] * (trials // 10))
            held.append(process.memory_info().rss / 2**20)
    print(f"driver: {held[0]:.1f} MiB after {trials // 10} trials, {held[-1]:.1f} after {trials}")


def table(*columns: str) -> None:
    print(f"| processes | {' | '.join(columns)} |\n{'| --- ' * (len(columns) + 1)}|")


def row(workers: int, *figures: str) -> None:
    print(f"| {workers} | {' | '.join(figures)} | {os.getloadavg()[0]:.1f} |", flush=True)


def processes(workers: int, meter: EnergyMeter) -> TrialRunner:
    return ProcessTrials(workers)


def ray_workers(workers: int, meter: EnergyMeter) -> TrialRunner:
    from app.engine.ray_trials import RayTrials

    return RayTrials(workers, meter.add, lambda: "search")


@contextmanager
def cluster(cpus: int) -> Iterator[None]:
    """This process joins it like a worker that Ray started, and workers stand back for others no
    more than it does."""
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - as Ray spells it
    with running_ray(cpus) as head:
        os.environ |= head.variables
        try:
            yield
        finally:
            import ray

            ray.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runner", nargs="+", choices=["processes", "ray"], default=["processes"])
    parser.add_argument("--fits", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--naps", type=int, nargs="*", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=2.0, help="of a nap")
    parser.add_argument("--each", type=int, default=10, help="trials a process")
    parser.add_argument("--rounds", type=int, default=3, help="of fits, of which the best counts")
    parser.add_argument("--memory", type=int, default=5000, help="trials, 0 for none")
    given = parser.parse_args()
    end_when_told()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in given.runner:
        make = processes if name == "processes" else ray_workers
        with ExitStack() as stack:
            if name == "ray":
                stack.enter_context(cluster(max([*given.fits, *given.naps, 2])))
            if given.fits:
                print(f"\n{name}: fits")
                measure_fits(make, given.fits, given.each, given.rounds)
            if given.naps:
                print(f"\n{name}: naps of {given.seconds:g} s")
                measure_naps(make, given.naps, given.each, given.seconds)
            if given.memory:
                measure_memory(make, given.memory)


if __name__ == "__main__":
    main()
