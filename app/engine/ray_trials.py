"""Trials of a search on the nodes of the Ray cluster, each process with a processor of its own.

Called from a worker that Ray started; only there is Ray installed.
"""

import copy
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch

from app.energy.metering import host_source
from app.engine.base import EngineUnavailableError
from app.engine.ray_cluster import join_cluster
from app.settings import Settings
from autopq.energy import EnergyMeter, EnergyRow
from autopq.energy.share import OwnShares, ShareSource
from autopq.search.trials.base import (
    Finished,
    Floor,
    TrialOutcome,
    TrialRequest,
    Work,
    attempt,
)

_POLL_S = 0.1
_MOST_TRIES = 2
_PLACE_S = 300.0  # the supervisor has seen room for them before it started the worker


@dataclass
class _Running:
    """A trial on its way."""

    index: int
    request: TrialRequest
    tries: int = 0
    began: float = 0.0
    seconds: float = 0.0  # of tries that were lost


class RayTrials:
    """See `autopq.search.trials.base.TrialRunner`. At most `workers` processes, wherever Ray finds
    a processor for each, and a whole GPU where the worker was given any. They are started when
    there are trials for them and kept until `close`.

    Each meters itself: its rows go to `energy`, under the phase that `phase` tells. What a process
    that died or was stopped in a trial had taken is not known. Raises EngineUnavailableError when
    the cluster has no place for any.
    """

    def __init__(
        self, workers: int, energy: Callable[[EnergyRow], None], phase: Callable[[], str]
    ) -> None:
        if workers < 1:
            raise ValueError("at least one worker is needed")
        self._most = workers
        self._energy = energy
        self._phase = phase
        self._gpus = int(torch.cuda.is_available())
        self._work: Any = None
        self._starting: dict[Any, Any] = {}  # by the answer that they have their work
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, _Running]] = {}  # by the answer to their trial

    def open(self, work: Work) -> None:
        self._work = join_cluster().put(work)
        processes = [*self._starting.values(), *self._idle]
        self._starting = {process.take.remote(self._work): process for process in processes}
        self._idle.clear()

    def run(self, requests: Sequence[TrialRequest], floor: Floor) -> Iterator[Finished]:
        if self._work is None:
            raise RuntimeError("open the runner first")
        ray = join_cluster()
        waiting = deque(_Running(index, request) for index, request in enumerate(requests))
        most, patience = self._most, time.monotonic() + _PLACE_S
        try:
            while waiting or self._busy:
                if floor.should_stop():
                    yield from self._stop(ray)
                    return
                self._hire(ray, min(most - len(self._busy), len(waiting)))
                while waiting and self._idle:
                    self._begin(waiting.popleft())
                if self._busy:
                    patience = time.monotonic() + _PLACE_S
                elif time.monotonic() > patience:
                    raise EngineUnavailableError(
                        f"the Ray cluster had no place for a trial within {_PLACE_S:g} s"
                    )
                asked = [*self._starting, *self._busy]
                done, _ = ray.wait(asked, num_returns=len(asked), timeout=0)
                if not done:
                    done, _ = ray.wait(asked, timeout=_POLL_S)
                for answer in done:
                    if answer in self._starting:
                        reason = self._started(ray, answer)
                        most -= reason is not None
                        if most == 0 and reason is not None:
                            lost = TrialOutcome(error=reason)
                            yield from (Finished(one.index, lost, 0.0, 0) for one in waiting)
                            return
                        continue
                    running, finished = self._ended(ray, answer)
                    if finished is None:
                        waiting.appendleft(running)
                    else:
                        yield finished
        finally:
            for _ in self._stop(ray):
                pass

    def close(self) -> None:
        if self._starting or self._idle or self._busy:
            ray = join_cluster()
            for _ in self._stop(ray):
                pass
            for process in (*self._starting.values(), *self._idle):
                _end(ray, process)
            self._starting.clear()
            self._idle.clear()
        self._work = None

    def _hire(self, ray: Any, wanted: int) -> None:
        """Have so many processes that are idle or about to be. All new ones start at once."""
        missing = wanted - len(self._idle) - len(self._starting)
        if missing > 0:
            kind = ray.remote(num_cpus=1, num_gpus=self._gpus, max_restarts=0)(_Process)
            for _ in range(missing):
                process = kind.remote()
                self._starting[process.take.remote(self._work)] = process

    def _started(self, ray: Any, answer: Any) -> str | None:
        """Why it did not, if so."""
        process = self._starting.pop(answer)
        try:
            ray.get(answer)
        except ray.exceptions.RayError as error:
            _end(ray, process)
            return f"a process for trials could not begin: {_first_line(error)}"
        self._idle.append(process)
        return None

    def _begin(self, running: _Running) -> None:
        process = self._idle.pop()
        running.tries += 1
        running.began = time.monotonic()
        self._busy[process.run.remote(running.request, self._phase())] = process, running

    def _ended(self, ray: Any, answer: Any) -> tuple[_Running, Finished | None]:
        """The trial and what came of it; nothing where it is to be run again."""
        process, running = self._busy.pop(answer)
        try:
            told = ray.get(answer)
        except ray.exceptions.RayError as error:
            _end(ray, process)  # if it raised, rather than died, it is not to be trusted any more
            running.seconds += time.monotonic() - running.began
            if running.tries < _MOST_TRIES:
                return running, None
            lost = TrialOutcome(error=f"its process was lost: {_first_line(error)}")
            return running, Finished(running.index, lost, running.seconds, 0)
        except BaseException:
            _end(ray, process)
            raise
        self._idle.append(process)
        # Ray's arrays are read only, and keep the memory that all processes share.
        outcome, seconds, energy_mj, rows = copy.deepcopy(told)
        for row in rows:
            self._energy(row)
        return running, Finished(running.index, outcome, running.seconds + seconds, energy_mj)

    def _stop(self, ray: Any) -> Iterator[Finished]:
        """End what runs, as it stands."""
        while self._busy:
            _, (process, running) = self._busy.popitem()
            _end(ray, process)
            seconds = running.seconds + time.monotonic() - running.began
            yield Finished(running.index, TrialOutcome(stopped=True), seconds, 0)


class _Process:
    """Runs trials in a process of its own, wherever Ray put it."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self._rows: list[EnergyRow] = []
        # Never left: to begin takes seconds, and Ray ends the process without asking it.
        self._meter = EnergyMeter(
            ShareSource(OwnShares(host_source(Settings()))), self._rows.append
        ).__enter__()

    def take(self, work: Work) -> None:
        """What trials do from now on."""
        self._work = copy.deepcopy(work)  # Ray's arrays are read only

    def run(
        self, request: TrialRequest, phase: str
    ) -> tuple[TrialOutcome, float, int, list[EnergyRow]]:
        """What came of it, its seconds and millijoules, and all that was taken since the last."""
        assert self._work is not None
        with (
            self._meter.phase(phase),
            self._meter.trial(
                request.name,
                forecaster=request.forecaster,
                quantile_model=request.quantile_model,
                training_method=request.training_method,
            ) as span,
        ):
            outcome = attempt(self._work, request, _never)
        rows = [replace(row, phase=phase) for row in self._rows]
        self._rows.clear()
        return outcome, span.seconds, span.energy_mj, rows


def _never() -> bool:
    """A trial that is to stop is ended with its process."""
    return False


def _end(ray: Any, process: Any) -> None:
    with suppress(ray.exceptions.RayError):
        ray.kill(process, no_restart=True)


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
