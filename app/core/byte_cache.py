"""Answers that were made a moment ago and cannot have changed."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rendered:
    """The bytes of an answer and their `ETag`."""

    content: bytes
    tag: str


class ByteCache:
    """The answers used last, in at most `capacity` bytes; none takes more than an eighth."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Rendered] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable) -> Rendered | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, answer: Rendered) -> None:
        if len(answer.content) > self._capacity // 8:
            return
        with self._lock:
            before = self._kept.pop(key, None)
            self._size += len(answer.content) - (len(before.content) if before else 0)
            self._kept[key] = answer
            while self._size > self._capacity:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped.content)
