"""Whom requests came from a moment ago, so that not every one of them asks the database."""

import hashlib
import math
import threading
import time
from collections.abc import Callable
from datetime import datetime

from app.core.freshness import Look
from app.core.principal import Principal

_MOST = 10_000


class KnownKeys:
    """Keys that were found good, by the digest of what was sent. Keys that were refused are not
    remembered: guessing them must not push others out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._forgotten = -math.inf
        self._known: dict[bytes, tuple[Look, Principal, datetime | None]] = {}

    def find(self, authorization: str | None, at: datetime) -> Principal | None:
        """Who sent this header, or none of it, if that was looked up a moment ago."""
        found = self._known.get(_digest(authorization))
        if found is None:
            return None
        look, principal, expires_at = found
        if (expires_at is not None and expires_at <= at) or not look.is_fresh(self._clock()):
            return None
        return principal

    def note(
        self,
        authorization: str | None,
        principal: Principal,
        expires_at: datetime | None,
        since: float,
    ) -> None:
        """`since` is when the lookup began, by `now`. One that began before a key was revoked may
        have found it good, and is not noted."""
        with self._lock:
            if since <= self._forgotten:
                return
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[_digest(authorization)] = Look(since), principal, expires_at

    def now(self) -> float:
        return self._clock()

    def refuse(self, authorization: str | None) -> None:
        """A lookup found that this header counts no more: nobody goes by an older one."""
        with self._lock:
            self._forgotten = self._clock()
            self._known.pop(_digest(authorization), None)

    def forget(self) -> None:
        """Look every key up again: one of them was made or revoked."""
        with self._lock:
            self._forgotten = self._clock()
            self._known.clear()


def _digest(authorization: str | None) -> bytes:
    return b"" if authorization is None else hashlib.sha256(authorization.encode()).digest()
