"""Requests with an `Idempotency-Key` that this process is just serving."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.errors import ConflictError


class InFlight:
    """Lets one request a key through at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[tuple[str, str]] = set()

    @contextmanager
    def hold(self, account: str, key: str) -> Iterator[None]:
        """Raises ConflictError while another request holds the key."""
        with self._lock:
            if (account, key) in self._held:
                raise ConflictError(
                    "A request with this Idempotency-Key is still being served.",
                    headers={"Retry-After": "1"},
                )
            self._held.add((account, key))
        try:
            yield
        finally:
            with self._lock:
                self._held.discard((account, key))
