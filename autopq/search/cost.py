"""The workbench trials run on: metered, reported, and a failure never more than a recorded
reason."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from autopq.energy import EnergyMeter, Span
from autopq.errors import AutoPQError, Stopped
from autopq.observer import Observer, Phase, TrialRecord
from autopq.search.trials.base import Finished, TrialRequest
from training_methods.outcomes import RankLost

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took."""

    seconds: float = 0.0
    energy_mj: int = 0

    @property
    def energy_wh(self) -> float:
        return self.energy_mj / 3.6e6

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.seconds + other.seconds, self.energy_mj + other.energy_mj)

    def __mul__(self, factor: float) -> "Cost":
        return Cost(self.seconds * factor, round(self.energy_mj * factor))


NOTHING = Cost()


@dataclass
class TrialResult:
    """Filled in by the body of `Workbench.trial`; cost and error by the workbench."""

    score: float = float("nan")
    params: dict[str, Any] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    error: str | None = None
    stopped: bool = False  # by the budget


class SearchBudget(Protocol):
    """See `search.budget.Budget`."""

    kept: Cost

    @property
    def ended_by(self) -> str | None: ...

    @property
    def limited(self) -> bool: ...

    def spent(self) -> bool: ...

    def over(self) -> bool: ...

    def allows(self, more: Cost) -> bool: ...

    def count_trial(self) -> None: ...


class Workbench:
    """Opens phases and trials on meter and observer together, and keeps the progress figure."""

    def __init__(
        self, observer: Observer, meter: EnergyMeter, budget: SearchBudget | None = None
    ) -> None:
        self._observer = observer
        self._meter = meter
        self._budget = budget
        self._phase: Phase = "audit"
        self._done = 0.0
        self._planned = 1.0
        self.left_out: list[str] = []  # what was optional and the budget had no room for

    def plan(self, units: float) -> None:
        """How many units of work lie ahead in all; see `advance`."""
        self._planned = max(units, self._done, 1e-9)

    def advance(self, units: float, message: str) -> None:
        self._done = min(self._done + units, self._planned)
        self._observer.progress(self._done / self._planned, message)

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        self.check_stop()
        self._phase = phase
        self._observer.phase(phase)
        with self._meter.phase(phase):
            yield

    @property
    def exhausted(self) -> bool:
        """Whether the search's budget is spent: what is not a reference is then left out."""
        return self._budget is not None and self._budget.spent()

    @property
    def ended_by(self) -> str | None:
        """The limit that something was left out for, if it was."""
        return self._budget.ended_by if self._budget is not None else None

    @property
    def limited(self) -> bool:
        """Whether time or electricity are."""
        return self._budget is not None and self._budget.limited

    def keep(self, cost: Cost) -> None:
        """Keep so much back of the budget, from now on."""
        if self._budget is not None:
            self._budget.kept = cost

    def count_trial(self) -> None:
        if self._budget is not None:
            self._budget.count_trial()

    def allows(self, more: Cost) -> bool:
        """Whether the budget has room for work that takes `more`."""
        return self._budget is None or self._budget.allows(more)

    def attempt(self, what: str, expected: Cost, work: Callable[[], T]) -> T | None:
        """What optional `work` gives; None where the budget has no room for what it is expected to
        take, or ends it: then `what` is noted as left out."""
        if self.allows(expected):
            try:
                return work()
            except Stopped:
                self.check_stop()
        self.left_out.append(what)
        return None

    def check_stop(self) -> None:
        if self._observer.should_stop():
            raise Stopped("stopped on request")

    def check_budget(self) -> None:
        """Raises Stopped also where all but what is kept back of the budget is spent."""
        if self.should_stop():
            self.check_stop()
            raise Stopped(f"{self.ended_by} was reached")

    def should_stop(self) -> bool:
        """Whether trials of the search should end; see `trials.base.Floor`."""
        over = self._budget is not None and self._budget.over()
        return self._observer.should_stop() or over

    @contextmanager
    def labelled(self, name: str) -> Iterator[None]:
        """Meter a part of a phase under its own name; it is no trial, and its errors pass on."""
        with self._meter.trial(name):
            yield

    @contextmanager
    def metered(self, request: TrialRequest, process: int | None) -> Iterator[Span]:
        """See `trials.base.Floor`."""
        labels = {
            "forecaster": request.forecaster,
            "quantile_model": request.quantile_model,
            "training_method": request.training_method,
        }
        if process is None:
            with self._meter.trial(request.name, **labels) as span:
                yield span
            return
        running = self._meter.begin_trial(request.name, process=process, **labels)
        try:
            yield running.span
        finally:
            self._meter.end_trial(running)

    def result(self, request: TrialRequest, finished: Finished) -> TrialResult:
        """What came of a trial that a runner ran; `report` tells it. Raises Stopped when the caller
        asked to stop."""
        outcome = finished.outcome
        error = outcome.error
        if outcome.stopped:
            self.check_stop()
            error = f"stopped when {self.ended_by} was reached"
        cost = Cost(finished.seconds, finished.energy_mj)
        return TrialResult(outcome.score, dict(request.params), cost, error)

    def report(self, request: TrialRequest, result: TrialResult, *, earlier: bool = False) -> None:
        """Report a trial that a runner ran, once it is kept for a later run of the search, or one
        that an `earlier` run of it kept."""
        self._record(
            request.name,
            result,
            forecaster=request.forecaster,
            quantile_model=request.quantile_model,
            training_method=request.training_method,
            earlier=earlier,
            warm_start=request.warm_start,
        )

    @staticmethod
    def require(trial: TrialResult) -> None:
        """Raise AutoPQError for a failed trial nothing can go on without."""
        if trial.error is not None:
            raise AutoPQError(trial.error)

    @staticmethod
    def require_time(trial: TrialResult) -> None:
        """Raise Stopped for a trial that the budget ended."""
        if trial.stopped:
            raise Stopped(trial.error)

    @contextmanager
    def trial(
        self,
        name: str,
        params: dict[str, Any],
        *,
        forecaster: str | None = None,
        quantile_model: str | None = None,
        training_method: str | None = None,
    ) -> Iterator[TrialResult]:
        """Run the body as one trial. An error in it ends the trial, not the fit: it is kept on
        the result and reported; only a stop and an error outside `Exception` pass through."""
        self.check_stop()
        result = TrialResult(params=dict(params))
        began = time.perf_counter()
        with self._meter.trial(
            name,
            forecaster=forecaster,
            quantile_model=quantile_model,
            training_method=training_method,
        ) as span:
            try:
                yield result
            except (MemoryError, RankLost):
                raise  # the machine's doing, not the candidate's
            except Stopped:
                # The budget ends a trial; only the caller ends the fit.
                if self._observer.should_stop() or self.ended_by is None:
                    raise
                result.error, result.stopped = f"stopped when {self.ended_by} was reached", True
            except Exception as error:
                result.error = f"{type(error).__name__}: {error}"
        result.cost = Cost(time.perf_counter() - began, span.energy_mj)
        self._record(
            name,
            result,
            forecaster=forecaster,
            quantile_model=quantile_model,
            training_method=training_method,
        )

    def _record(self, name: str, result: TrialResult, **labels: Any) -> None:
        self._observer.trial(
            TrialRecord(
                phase=self._phase,
                name=name,
                params=result.params,
                score=None if result.error else result.score,
                seconds=result.cost.seconds,
                energy_wh=result.cost.energy_wh,
                error=result.error,
                **labels,
            )
        )
