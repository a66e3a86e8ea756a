"""Audits of tables that never change: what was found once would be found again."""

import json
import threading
from collections import OrderedDict
from typing import Any

# What an entry takes beside its text: its key, its objects and its place in the table.
_ENTRY_BYTES = 500


class KeptAudits:
    """Those asked for last, in about `capacity` bytes; none takes more than a quarter."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def get(self, key: str) -> dict[str, Any] | None:
        with self._lock:
            text = self._kept.get(key)
            if text is None:
                return None
            self._kept.move_to_end(key)
        found: dict[str, Any] = json.loads(text)
        return found

    def put(self, key: str, audit: dict[str, Any]) -> None:
        text = json.dumps(audit)
        if _size(text) > self._capacity // 4:
            return
        with self._lock:
            self._drop(key)
            self._kept[key] = text
            self._size += _size(text)
            while self._size > self._capacity:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self._size -= _size(before)


def _size(text: str) -> int:
    return _ENTRY_BYTES + len(text)
