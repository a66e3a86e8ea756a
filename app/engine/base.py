"""`Engine`: launches an attempt's worker process and says how it fares. It decides nothing.

The job's row is the truth. No engine retries by itself, and the same command line serves each.
"""

import sys
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job may take beside its worker: `ranks`, the processes on which it trains its networks
    together, 1 for none but its own; and `trials`, the settings it may try side by side, 0 for a
    job without a search."""

    ranks: int = 1
    trials: int = 0


# Whether an attempt can be placed: `never` means not even once all others have ended.
Room = Literal["now", "later", "never"]


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that is gone. `code` is negative for a signal and None when nobody knows.

    `engine_failed` is why the engine lost the process or never started it, which is no fault of
    the job."""

    code: int | None
    engine_failed: str | None = None

    @property
    def reason(self) -> str:
        if self.engine_failed is not None:
            return self.engine_failed
        if self.code is None:
            return "the worker process disappeared"
        if self.code == -9:
            return "the worker process was killed (signal 9); it may have run out of memory"
        if self.code < 0:
            return f"the worker process was ended by signal {-self.code}"
        return f"the worker process ended with code {self.code} before it had a result"


class EngineUnavailableError(OSError):
    """The engine cannot be reached or refuses to start anything, whichever job it is."""


class Engine(Protocol):
    """Places attempts. Handles are strings, so that they survive a restart in a row."""

    @property
    def outlives_supervisor(self) -> bool:
        """Whether workers go on when the supervisor ends, for the next one to take them up."""

    def tend(self) -> None:
        """Look how things are. Called once a turn; what follows in the turn relies on it."""

    def room(self, needs: Needs) -> Room:
        """Whether an attempt would start at once. Asks nobody."""

    def start(self, job_id: str, attempt: int, needs: Needs) -> str:
        """Launch the worker and return its handle. Raises OSError when that is impossible, and
        EngineUnavailableError when it is for every job."""

    def ended(self, handle: str) -> Ended | None:
        """How it ended, or None while it runs."""

    def stop(self, handle: str, grace: float) -> None:
        """Ask the worker to end, and end it after `grace` seconds. Returns at once; harmless when
        repeated."""

    def adopt(self, handle: str, needs: Needs) -> bool:
        """Take up a worker that an earlier supervisor started; False when that cannot be."""

    def discard(self, handle: str) -> None:
        """End a worker that an earlier supervisor started, and wait until it is gone."""


def worker_command(job_id: str, attempt: int) -> list[str]:
    """What every engine runs."""
    return [sys.executable, "-m", "app.jobs.run", job_id, str(attempt)]
