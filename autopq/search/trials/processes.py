"""`ProcessTrials`: trials side by side in processes of this machine."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler

import psutil

from autopq.energy import Span
from autopq.errors import AutoPQError, Stopped
from autopq.search.trials.base import READY, Finished, Floor, TrialOutcome, TrialRequest, Work

_POLL_S = 0.1
_MOST_TRIES = 2
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(eq=False)
class _Process:
    """A worker process and this side of its socket."""

    process: subprocess.Popen[bytes]
    connection: Connection
    work: bytes | None = None  # what it was given

    @classmethod
    def start(cls) -> "_Process":
        """A fresh interpreter: nothing of this one is copied, and no guard is needed in the
        user's script. It ends when it finds this side of the socket closed."""
        ours, theirs = Pipe()
        paths = [path or os.getcwd() for path in sys.path]
        environment = {
            **os.environ,
            **dict.fromkeys(_THREADS, "1"),
            "PYTHONPATH": os.pathsep.join(paths),
        }
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this package's own module, no user input
                [sys.executable, "-m", "autopq.search.trials.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=(theirs.fileno(),),
            )
        return cls(process, ours)

    def end(self) -> int:
        """Its exit code, negative for a signal."""
        self.connection.close()
        self.process.kill()
        return self.process.wait()

    def died(self) -> str:
        """How it came to its end, which its closed socket tells of."""
        self.connection.close()
        code = self.process.wait()
        if code < 0:
            return f"its process was ended by signal {-code}"
        return f"its process ended with code {code}"


@dataclass
class _Running:
    """A trial on its way."""

    index: int
    request: TrialRequest
    tries: int = 0
    spans: list[Span] = field(default_factory=list)
    metered: ExitStack = field(default_factory=ExitStack)

    def finished(self, outcome: TrialOutcome) -> Finished:
        seconds = sum(span.seconds for span in self.spans)
        return Finished(self.index, outcome, seconds, sum(span.energy_mj for span in self.spans))


class ProcessTrials:
    """See `base.TrialRunner`. At most `workers` processes, one thread each, started when there
    are trials for them and kept until `close`."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError("at least one worker is needed")
        self._most = workers
        self._work: bytes | None = None
        self._idle: list[_Process] = []
        self._busy: dict[_Process, _Running] = {}

    def open(self, work: Work) -> None:
        self._work = bytes(ForkingPickler.dumps(work))

    def run(self, requests: Sequence[TrialRequest], floor: Floor) -> Iterator[Finished]:
        if self._work is None:
            raise RuntimeError("open the runner first")
        waiting = deque(_Running(i, request) for i, request in enumerate(requests))
        most = self._most
        try:
            while waiting or self._busy:
                if floor.should_stop():
                    yield from self._stop()
                    return
                try:
                    self._hire(min(most - len(self._busy), len(waiting)), floor)
                except Stopped:
                    continue
                except AutoPQError as error:
                    # Go on with those that there are.
                    most = len(self._busy) + len(self._idle)
                    if most == 0:
                        reason = str(error)
                        yield from (one.finished(TrialOutcome(error=reason)) for one in waiting)
                        return
                while waiting and self._idle:
                    self._begin(waiting.popleft(), floor)
                for running, outcome in self._ended():
                    if outcome is None:
                        waiting.appendleft(running)
                    else:
                        yield running.finished(outcome)
        finally:
            for _ in self._stop():
                pass

    def close(self) -> None:
        for _ in self._stop():
            pass
        while self._idle:
            self._idle.pop().end()
        self._work = None

    def _hire(self, wanted: int, floor: Floor) -> None:
        """Have so many idle processes that know their work. All new ones start at once. Raises
        AutoPQError when some could not begin; those that are idle then can."""
        refused: AutoPQError | None = None
        while len(self._idle) < wanted and refused is None:
            try:
                self._idle.append(_Process.start())
            except OSError as error:
                refused = AutoPQError(f"a process for trials could not be started: {error}")
        for one in [one for one in self._idle if one.work != self._work]:
            try:
                _introduce(one, self._work, floor)
            except BaseException as error:
                self._idle.remove(one)
                one.end()
                if not isinstance(error, AutoPQError) or isinstance(error, Stopped):
                    raise
                refused = error
        if refused is not None:
            raise refused

    def _begin(self, running: _Running, floor: Floor) -> None:
        one = self._idle.pop()
        running.tries += 1
        self._busy[one] = running
        try:
            one.connection.send(running.request)
            running.spans.append(
                running.metered.enter_context(floor.metered(running.request, one.process.pid))
            )
        except (OSError, psutil.NoSuchProcess):
            return  # it died while it was idle; its closed socket will tell

    def _ended(self) -> list[tuple[_Running, TrialOutcome | None]]:
        """Trials that have ended by now, in their order; without an outcome where they are to be
        run again."""
        by_connection = {one.connection: one for one in self._busy}
        ended: list[tuple[_Running, TrialOutcome | None]] = []
        for ready in wait(list(by_connection), _POLL_S):
            one = by_connection[ready]  # type: ignore[index]
            running = self._busy.pop(one)
            try:
                outcome: TrialOutcome | None = one.connection.recv()
                self._idle.append(one)
            except (EOFError, OSError):
                reason = one.died()
                last = running.tries >= _MOST_TRIES
                outcome = TrialOutcome(error=reason) if last else None
            except BaseException:
                one.end()
                raise
            finally:
                running.metered.close()
            ended.append((running, outcome))
        return sorted(ended, key=lambda pair: pair[0].index)

    def _stop(self) -> Iterator[Finished]:
        """End what runs, as it stands."""
        while self._busy:
            one, running = self._busy.popitem()
            running.metered.close()
            one.end()
            yield running.finished(TrialOutcome(stopped=True))


def _introduce(one: _Process, work: bytes | None, floor: Floor) -> None:
    """Hand over the work. Raises AutoPQError when the process cannot take it, Stopped when the
    floor says so."""
    assert work is not None
    try:
        one.connection.send_bytes(work)
        while not one.connection.poll(_POLL_S):
            if floor.should_stop():
                raise Stopped("stopped on request")
        if one.connection.recv() != READY:
            raise AutoPQError("a process for trials gave a wrong answer")
    except (EOFError, OSError) as error:
        raise AutoPQError(f"a process for trials could not begin: {one.died()}") from error
    one.work = work
