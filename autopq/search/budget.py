"""What a fit may take, and how much of it the search may use up."""

import time
from collections.abc import Callable

from autopq.energy import EnergyMeter, EnergyRow
from autopq.energy.ledger import MJ_PER_WH
from autopq.observer import Observer, Phase, TrialRecord
from autopq.search.cost import Cost
from autopq.task import TaskConfig

# The rest is for scores, calibration and the refit.
SEARCH_SHARE = 0.6
# How old a look at the meter may be: it tells what was drawn up to its last look.
_LOOK_S = 1.0


class Budget:
    """The task's `time_limit`, `energy_limit_wh` and `max_trials`, from its making on."""

    def __init__(
        self, config: TaskConfig, meter: EnergyMeter, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._meter = meter
        self._clock = clock
        self._began = clock()
        self._began_mj = meter.total_mj
        self._looked_at = self._began
        self._trials = 0
        self.ended_by: str | None = None  # the limit that ended the search, if one did

    def count_trial(self) -> None:
        """Count a candidate or setting that was tried beyond the references."""
        self._trials += 1

    def spent(self) -> bool:
        """Whether nothing more may be begun; from then on nothing ever may."""
        if self.ended_by is None:
            most = self._config.max_trials
            if most is not None and self._trials >= most:
                self.ended_by = "max_trials"
        return self.over() or self.ended_by is not None

    def over(self) -> bool:
        """Whether the search has used up its share of time or electricity: then what runs has to
        end as well, which the number of trials is no reason for."""
        if self._over(Cost(), SEARCH_SHARE):
            late = self._late(0.0, SEARCH_SHARE)
            self.ended_by = self.ended_by or ("time_limit" if late else "energy_limit_wh")
            return True
        return False

    def allows(self, more: Cost) -> bool:
        """Whether work that takes `more` fits into what is left of the whole budget."""
        return not self._over(more, 1.0)

    def _over(self, more: Cost, share: float) -> bool:
        if self._late(more.seconds, share):
            return True
        limit = self._config.energy_limit_wh
        if limit is None:
            return False
        if self._clock() - self._looked_at >= _LOOK_S:
            self._meter.flush()
            self._looked_at = self._clock()
        used = self._meter.total_mj - self._began_mj + more.energy_mj
        return used > limit * share * MJ_PER_WH

    def _late(self, seconds: float, share: float) -> bool:
        limit = self._config.time_limit
        return limit is not None and self._clock() - self._began + seconds > limit * share


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
