"""Notices workers that are there but show no sign of life."""

import time
from collections.abc import Callable, Hashable
from datetime import datetime


class Silence:
    """How long heartbeats have stayed the same.

    Counted on this process's own clock: neither a machine that slept nor a clock that was set
    makes a worker look hung.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._last: dict[Hashable, tuple[datetime | None, float]] = {}

    def is_too_long(self, who: Hashable, heartbeat: datetime | None) -> bool:
        """Whether `who` has had this same heartbeat for more than `limit` seconds."""
        at = self._clock()
        last, since = self._last.get(who, (None, at))
        if who not in self._last or last != heartbeat:
            since = at
            self._last[who] = heartbeat, at
        return at - since > self._limit

    def forget(self, who: Hashable) -> None:
        self._last.pop(who, None)
