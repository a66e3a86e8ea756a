"""CPU time and memory of a process and all it starts, each second counted once."""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import psutil


class TreeUse(NamedTuple):
    """What a process tree has used so far, and holds now."""

    cpu_s: float
    memory_bytes: int
    pids: frozenset[int]


class Look:
    """Whose child each process is and what it has used, as of one look: for those who ask about
    many trees at once. On Linux of all processes, elsewhere of this one's descendants."""

    def __init__(self) -> None:
        self._children: defaultdict[int, list[int]] = defaultdict(list)
        self._used: dict[int, tuple[float, float]] = {}
        for pid, parent, own, reaped in _table():
            self._children[parent].append(pid)
            self._used[pid] = own, reaped

    def cpu_seconds(self, root: int, *, reaped: bool) -> float:
        """Of a process and its descendants; with those that they waited for if so wanted."""
        tree = [root]
        for pid in tree:  # which grows by the children of each
            tree.extend(self._children[pid])
        used = [self._used[pid] for pid in tree if pid in self._used]
        return sum(own for own, _ in used) + (sum(ended for _, ended in used) if reaped else 0.0)


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

    def use(self, without: frozenset[int] = frozenset()) -> TreeUse:
        """CPU seconds never fall, not even when the root is gone. Descendants in `without`, which
        are counted apart, are left out."""
        total, memory, pids = 0.0, 0, []
        with suppress(psutil.Error):
            processes = [self._process, *self._process.children(recursive=True)]
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

    def cpu_seconds(self, look: Look | None = None) -> float:
        """As `use().cpu_s`, or as of a look at all processes; in a microsecond while this process
        has been alone."""
        if self._quick is not None:
            return self._seen + time.process_time() - self._quick
        if look is not None:
            self._seen = max(self._seen, look.cpu_seconds(self.pid, reaped=self._reaped))
            return self._seen
        return self.use().cpu_s

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


def _table() -> Iterator[tuple[int, int, float, float]]:
    """Pid, parent, own CPU seconds, and those of the children it waited for."""
    if sys.platform != "linux":
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                used = process.cpu_times()
                yield process.pid, process.ppid(), used.user + used.system, 0.0
        return
    tick = os.sysconf("SC_CLK_TCK")
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                line = file.read()
                # The name before it may hold anything, brackets too.
                fields = line[line.rindex(b")") + 2 :].split()
                own, reaped = (sum(map(int, fields[at : at + 2])) / tick for at in (11, 13))
                yield int(name), int(fields[1]), own, reaped
