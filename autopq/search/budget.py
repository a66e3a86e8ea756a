"""What a fit may take, and how much of it the search may use up."""

import time
from collections.abc import Callable

from autopq.energy import EnergyMeter, EnergyRow
from autopq.energy.ledger import MJ_PER_WH
from autopq.observer import Observer, Phase, TrialRecord
from autopq.search.cost import NOTHING, Cost
from autopq.task import TaskConfig

# Of a limit, for what nobody can measure beforehand: saving the model, a machine that grows busier.
MARGIN = 0.05
# How old a look at the meter may be: it tells what was drawn up to its last look.
_LOOK_S = 1.0


class Budget:
    """The task's `time_limit`, `energy_limit_wh` and `max_trials`, from its making on.

    `spent` is what was taken on the same account before. `kept` is what is kept back for all that
    still has to be done: whoever does it says how much that is (see `search.reserve`).
    """

    def __init__(
        self,
        config: TaskConfig,
        meter: EnergyMeter,
        *,
        spent: Cost = NOTHING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._meter = meter
        self._clock = clock
        self._began = clock() - spent.seconds
        self._began_mj = meter.total_mj - spent.energy_mj
        self._looked_at = clock()
        self._trials = 0
        self._ended = False
        self.kept = NOTHING
        self.ended_by: str | None = None  # the limit that something was left out for, if it was

    @property
    def limited(self) -> bool:
        """Whether time or electricity are."""
        return self._config.time_limit is not None or self._config.energy_limit_wh is not None

    def count_trial(self) -> None:
        """Count a candidate or setting that was tried beyond the references."""
        self._trials += 1

    def spent(self) -> bool:
        """Whether nothing more may be begun; from then on nothing of the search ever may."""
        most = self._config.max_trials
        if not self._ended and most is not None and self._trials >= most:
            self._ended, self.ended_by = True, self.ended_by or "max_trials"
        self._ended = self._ended or self.over()
        return self._ended

    def over(self) -> bool:
        """Whether only what is kept back is left of time or electricity: then what runs has to
        end as well, which the number of trials is no reason for."""
        return not self.allows(NOTHING)

    def allows(self, more: Cost) -> bool:
        """Whether work that takes `more` fits in beside what is kept back. Where it does not, the
        limit has ended something."""
        limit = self._passed(more + self.kept)
        if limit is not None and self.ended_by is None:
            self.ended_by = limit
        return limit is None

    def _passed(self, more: Cost) -> str | None:
        """The limit that `more` would pass."""
        seconds, watt_hours = self._config.time_limit, self._config.energy_limit_wh
        if seconds is not None:
            used_s = self._clock() - self._began + more.seconds
            if used_s > seconds * (1 - MARGIN):
                return "time_limit"
        if watt_hours is not None:
            if self._clock() - self._looked_at >= _LOOK_S:
                self._meter.flush()
                self._looked_at = self._clock()
            used_mj = self._meter.total_mj - self._began_mj + more.energy_mj
            if used_mj > watt_hours * MJ_PER_WH * (1 - MARGIN):
                return "energy_limit_wh"
        return None


class BudgetedObserver:
    """An observer whose fits are asked to stop where the search has used up its time or
    electricity."""

    def __init__(self, inner: Observer, budget: Budget) -> None:
        self._inner = inner
        self._budget = budget

    def phase(self, phase: Phase) -> None:
        self._inner.phase(phase)

    def progress(self, fraction: float, message: str) -> None:
        self._inner.progress(fraction, message)

    def trial(self, trial: TrialRecord) -> None:
        self._inner.trial(trial)

    def energy(self, row: EnergyRow) -> None:
        self._inner.energy(row)

    def should_stop(self) -> bool:
        return self._inner.should_stop() or self._budget.over()
