"""`TrialRunner`: runs trials somewhere. What a trial does is a `Work`; what to try next and what
came of it is the search's business alone.

A work is a pure function of the data it holds, a request's parameters and a seed, so that a trial
gives the same outcome in whichever process it runs, and however many run beside it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from autopq.energy import Span
from autopq.errors import Pruned, Stopped
from autopq.state import State

# What a process answers once it has its work.
READY = "ready"


@dataclass(frozen=True)
class TrialRequest:
    """A setting to try. `name` is the only one of its kind in a search.

    `ceilings` are what the first, second, ... value that the trial reports may not exceed: it is
    pruned as soon as one does. They are settled before the trial begins, so that no process has to
    know how the others are doing.
    """

    name: str
    component: str
    params: dict[str, Any] = field(default_factory=dict)
    ceilings: tuple[float, ...] = ()
    forecaster: str | None = None
    quantile_model: str | None = None
    training_method: str | None = None
    warm_start: str | None = None  # where the setting did well before


@dataclass(frozen=True)
class TrialOutcome:
    """What came of a trial: a score (lower is better) and the state of what was fitted; or an
    error; or neither, where it was pruned or stopped on request. `values` are those it reported.
    """

    score: float = float("nan")
    state: State | None = None
    values: tuple[float, ...] = ()
    error: str | None = None
    pruned: bool = False
    stopped: bool = False


@dataclass(frozen=True)
class Ears:
    """Who listens to a trial. `report` takes an intermediate value, comparable between the trials
    of one component at the same point of their fits; it raises Pruned where the trial should end.
    """

    report: Callable[[float], None]
    should_stop: Callable[[], bool]


class Work(Protocol):
    """Fits one setting. It is sent to other processes, so it must be importable and hold plain
    data."""

    def __call__(self, request: TrialRequest, ears: Ears) -> tuple[float, State | None]:
        """The score and what was fitted."""


@dataclass(frozen=True)
class Finished:
    """The trial `index` of those that were asked for, with what it took."""

    index: int
    outcome: TrialOutcome
    seconds: float
    energy_mj: int


class Floor(Protocol):
    """Where a search's trials are watched; see `search.cost.Workbench`."""

    def metered(self, request: TrialRequest, process: int | None) -> AbstractContextManager[Span]:
        """Meter a trial while it runs in the child process of that pid; None is this process,
        which runs one at a time."""

    def should_stop(self) -> bool: ...


class TrialRunner(Protocol):
    """Runs the trials of one fit.

    `open` comes first and `close` last, also after an error. A trial whose process dies is run
    once more; if it dies again, that is its error. Nothing a trial does ends the search.
    """

    def open(self, work: Work) -> None:
        """What trials do from now on. Data is handed out here, not with every trial."""

    def run(self, requests: Sequence[TrialRequest], floor: Floor) -> Iterator[Finished]:
        """Run all, and yield them as they end. When the floor says stop, those that run are ended
        and yielded as `stopped`; those that wait are not yielded."""

    def close(self) -> None:
        """End what was started. Harmless when repeated."""


def attempt(work: Work, request: TrialRequest, should_stop: Callable[[], bool]) -> TrialOutcome:
    """Run a trial here and now, on one thread. Only what is no `Exception` passes through, and
    MemoryError, after which nothing can be trusted."""
    values: list[float] = []

    def report(value: float) -> None:
        step = len(values)
        values.append(value)
        if step < len(request.ceilings) and value > request.ceilings[step]:
            limit = request.ceilings[step]
            raise Pruned(f"{value:.6g} at step {step + 1}, where others had {limit:.6g}")

    try:
        with _one_thread():
            score, state = work(request, Ears(report, should_stop))
    except MemoryError:
        raise
    except Pruned as pruned:
        return TrialOutcome(values=tuple(values), error=f"pruned: {pruned}", pruned=True)
    except Stopped:
        return TrialOutcome(values=tuple(values), stopped=True)
    except Exception as error:
        return TrialOutcome(values=tuple(values), error=f"{type(error).__name__}: {error}")
    return TrialOutcome(score, state, tuple(values))


@contextmanager
def _one_thread() -> Iterator[None]:
    """A sum over several threads is not the same sum."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
