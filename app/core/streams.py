"""Answers that stay open: how many there may be, and that they end when the service does."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from app.core.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")


class Streams:
    """The open streams of this process: at most `most` in all and `most_each` of one account."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._closing = anyio.Event()
        self._limiter = CapacityLimiter(2)  # other threads are for requests that end

    def close(self) -> None:
        """Let every stream end. Streams that begin later end at once."""
        self._closing.set()

    @contextmanager
    def place(self, account: str) -> Iterator[None]:
        """Raises UnavailableError when all places are taken."""
        with self._lock:
            if self._open.total() >= self._most or self._open[account] >= self._most_each:
                raise UnavailableError(
                    "Too many event streams are open. Close some, or poll the job instead.",
                    headers={"Retry-After": "5"},
                )
            self._open[account] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[account] -= 1
                self._open += Counter()  # drops accounts without streams

    async def read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work on one of the few threads of streams."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._limiter)

    async def pause(self, seconds: float) -> bool:
        """Wait; False when the service is about to end and so must the stream."""
        with anyio.move_on_after(seconds):
            await self._closing.wait()
        return not self._closing.is_set()
