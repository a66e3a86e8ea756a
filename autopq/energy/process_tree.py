"""CPU time and memory of a process and all it starts, each second counted once."""

import os
import time
from collections import defaultdict
from contextlib import suppress
from typing import NamedTuple

import psutil


class TreeUse(NamedTuple):
    """What a process tree has used so far, and holds now."""

    cpu_s: float
    memory_bytes: int
    pids: frozenset[int]


class Descendants:
    """Of this process, as of one look: for those who ask about many of its children's trees."""

    def __init__(self) -> None:
        self._children: defaultdict[int, list[psutil.Process]] = defaultdict(list)
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                self._children[process.ppid()].append(process)

    def of(self, process: psutil.Process) -> list[psutil.Process]:
        found = list(self._children[process.pid])
        for child in found:  # which grows by the children of each
            found.extend(self._children[child.pid])
        return found


class ProcessTree:
    """A process (this one by default), its descendants, and those that have ended.

    A process that has ended stays in the sum: its time passes to the parent that waited for it.
    With `reaped=False` it does not, which suits a parent of trees that are counted apart.
    """

    def __init__(self, pid: int | None = None, *, reaped: bool = True) -> None:
        self._process = psutil.Process(pid)  # raises psutil.NoSuchProcess
        self._is_own = self._process.pid == os.getpid()
        self._reaped = reaped
        self._seen = 0.0
        self._quick: float | None = None

    @property
    def pid(self) -> int:
        """Of the root."""
        return self._process.pid

    @property
    def created_at(self) -> float:
        """Seconds since the epoch."""
        return self._process.create_time()

    @property
    def is_alive(self) -> bool:
        with suppress(psutil.Error):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    def use(
        self, without: frozenset[int] = frozenset(), known: Descendants | None = None
    ) -> TreeUse:
        """CPU seconds never fall, not even when the root is gone. Descendants in `without`, which
        are counted apart, are left out. To find descendants takes a look at all processes of the
        machine, unless those `known` are given."""
        total, memory, pids = 0.0, 0, []
        with suppress(psutil.Error):
            found = known.of(self._process) if known else self._process.children(recursive=True)
            processes = [self._process, *found]
            for process in processes:
                if process.pid in without:
                    continue
                with suppress(psutil.Error):
                    total += self._cpu_of(process)
                    memory += _private_bytes(process)
                    pids.append(process.pid)
        # A child that ended between two looks is missing from this sum, not from the next.
        self._seen = max(self._seen, total)
        alone = self._is_own and len(pids) <= 1
        self._quick = time.process_time() if alone else None
        return TreeUse(self._seen, memory, frozenset(pids))

    def cpu_seconds(self, known: Descendants | None = None) -> float:
        """As `use().cpu_s`; in a microsecond while this process has been alone."""
        if self._quick is not None:
            return self._seen + time.process_time() - self._quick
        return self.use(known=known).cpu_s

    def _cpu_of(self, process: psutil.Process) -> float:
        used = process.cpu_times()
        own = self._is_own and process.pid == self._process.pid
        total = time.process_time() if own else used.user + used.system
        if self._reaped:
            total += getattr(used, "children_user", 0.0) + getattr(used, "children_system", 0.0)
        return float(total)


def _private_bytes(process: psutil.Process) -> int:
    """Memory in use less what is mapped from files and shared, where the system tells it."""
    memory = process.memory_info()
    return max(int(memory.rss) - int(getattr(memory, "shared", 0)), 0)
