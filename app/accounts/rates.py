"""Requests a key may make: a token bucket each, in memory."""

import threading
import time
from collections.abc import Callable


class Rates:
    """Up to `burst` requests at once, and `per_second` in the long run."""

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens there were, and when

    def take(self, key_id: str) -> float:
        """Seconds until a request of the key may pass; 0 lets this one pass."""
        at = self._clock()
        with self._lock:
            tokens, since = self._buckets.get(key_id, (float(self._burst), at))
            tokens = min(self._burst, tokens + (at - since) * self._per_second)
            if tokens < 1:
                return (1 - tokens) / self._per_second
            self._buckets[key_id] = tokens - 1, at
        return 0.0
