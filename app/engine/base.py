"""`Engine`: launches an attempt's worker process and says how it fares. It decides nothing.

The job's row is the truth. No engine retries by itself, and the same command line serves each.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that is gone. `code` is negative for a signal and None when nobody knows."""

    code: int | None

    @property
    def reason(self) -> str:
        if self.code is None:
            return "the worker process disappeared"
        if self.code == -9:
            return "the worker process was killed (signal 9); it may have run out of memory"
        if self.code < 0:
            return f"the worker process was ended by signal {-self.code}"
        return f"the worker process ended with code {self.code} before it had a result"


class Engine(Protocol):
    """Places attempts. Handles are strings, so that they survive a restart in a row."""

    def start(self, job_id: str, attempt: int) -> str:
        """Launch the worker and return its handle. Raises OSError when that is impossible."""

    def ended(self, handle: str) -> Ended | None:
        """How it ended, or None while it runs."""

    def stop(self, handle: str, grace: float) -> None:
        """Ask the worker to end, and end it after `grace` seconds. Returns at once; harmless when
        repeated."""

    def discard(self, handle: str) -> None:
        """End a worker that an earlier supervisor started, and wait until it is gone."""
