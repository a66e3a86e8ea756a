"""Answers that were sent a moment ago and cannot have changed.

An endpoint keeps an answer under the request it belongs to. For a moment the same request of the
same tenant is answered right away; after that the endpoint is asked whether what it shows is still
there, and confirms the answer without making it again.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from starlette.types import Scope

from app.core.freshness import Look

_LONGEST_QUERY = 2000
_LONGEST_ACCEPT = 500
# What an entry takes beside its bytes: its objects, its headers and its places in the tables.
ENTRY_BYTES = 1000


class Asked(NamedTuple):
    """What tells one answer from another."""

    tenant_id: str
    path: str
    query: bytes
    accept: bytes

    @classmethod
    def of(cls, scope: Scope, tenant_id: str) -> "Asked | None":
        """None for a request whose answer is not kept, such as one that is very long."""
        query = scope["query_string"]
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept")
        is_long = len(query) > _LONGEST_QUERY or len(accept) > _LONGEST_ACCEPT
        if scope["method"] != "GET" or is_long:
            return None
        return cls(tenant_id, scope["path"], query, accept)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The bytes of an answer, its headers, and the template of the path it was asked at."""

    content: bytes
    headers: Mapping[str, str]
    route: str

    @property
    def tag(self) -> str:
        return self.headers["etag"]


class ByteCache:
    """The answers used last, in at most `capacity` bytes; none takes more than a quarter."""

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Asked, Rendered] = OrderedDict()
        self._confirmed: dict[Asked, Look] = {}
        self._size = 0
        self._forgotten = -math.inf

    def get(self, asked: Asked) -> Rendered | None:
        with self._lock:
            found = self._kept.get(asked)
            if found is not None:
                self._kept.move_to_end(asked)
            return found

    def fresh(self, asked: Asked) -> Rendered | None:
        """The answer, if it was kept or confirmed a moment ago."""
        confirmed = self._confirmed.get(asked)
        if confirmed is None or not confirmed.is_fresh(self._clock()):
            return None
        return self.get(asked)

    def now(self) -> float:
        return self._clock()

    def confirm(self, asked: Asked, since: float) -> None:
        """What the answer shows was still there at `since`, by `now`."""
        with self._lock:
            if asked in self._kept:
                self._confirmed[asked] = Look(since)

    def put(self, asked: Asked, answer: Rendered, since: float) -> None:
        size = _size(asked, answer)
        if size > self._capacity // 4:
            return
        with self._lock:
            if since <= self._forgotten:  # it may show what was deleted since it was read
                return
            self._drop(asked)
            self._size += size
            self._kept[asked] = answer
            self._confirmed[asked] = Look(since)
            while self._size > self._capacity:
                self._drop(next(iter(self._kept)))

    def drop(self, asked: Asked) -> None:
        """What the answer shows is there no more: nobody goes by an older look."""
        with self._lock:
            self._forgotten = self._clock()
            self._drop(asked)

    def forget(self, tenant_id: str, path: str) -> None:
        """Drop every answer at this path: what it showed was deleted."""
        with self._lock:
            self._forgotten = self._clock()
            for asked in [a for a in self._kept if (a.tenant_id, a.path) == (tenant_id, path)]:
                self._drop(asked)

    def _drop(self, asked: Asked) -> None:
        before = self._kept.pop(asked, None)
        self._confirmed.pop(asked, None)
        if before is not None:
            self._size -= _size(asked, before)


def _size(asked: Asked, answer: Rendered) -> int:
    key = len(asked.path) + len(asked.query) + len(asked.accept)
    return ENTRY_BYTES + key + len(answer.content)
