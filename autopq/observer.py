"""What the library tells the world while it works, and the one question it asks.

The library never prints and knows no database: a service turns these calls into rows, a command
line into a progress bar, a notebook into nothing.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from autopq.energy import EnergyRow

Phase = Literal[
    "audit",
    "prepare",
    "select",
    "search",
    "quantiles",
    "calibrate",
    "evaluate",
    "backtest",
    "refit",
    "predict",
]
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One finished trial: a fit, or one evaluation of a searched setting.

    `score` is the validation score (lower is better), None when the trial failed; then `error`
    holds the reason. `earlier` says that an earlier run of the same search finished it, and that
    nothing was run again. `warm_start` is where its setting came from, if it did well before.
    """

    phase: Phase
    name: str
    params: dict[str, object]
    score: float | None
    seconds: float
    energy_wh: float
    forecaster: str | None = None
    quantile_model: str | None = None
    training_method: str | None = None
    error: str | None = None
    earlier: bool = False
    warm_start: str | None = None


class Observer(Protocol):
    """Receives phases, progress, trials and energy rows. All calls come from one thread, but for
    `energy`, which may also come from the meter's flush, and `should_stop`, which any thread of a
    fit may ask."""

    def phase(self, phase: Phase) -> None: ...

    def progress(self, fraction: float, message: str) -> None:
        """`fraction` of the whole fit in [0, 1], never falling."""

    def trial(self, trial: TrialRecord) -> None: ...

    def energy(self, row: EnergyRow) -> None: ...

    def should_stop(self) -> bool: ...


class SilentObserver:
    """The observer of a notebook: nothing is reported, nothing is stopped."""

    def phase(self, phase: Phase) -> None:
        return None

    def progress(self, fraction: float, message: str) -> None:
        return None

    def trial(self, trial: TrialRecord) -> None:
        return None

    def energy(self, row: EnergyRow) -> None:
        return None

    def should_stop(self) -> bool:
        return False
