"""CPU time of this process and all it starts, each second counted once."""

import os
from contextlib import suppress

import psutil


class ProcessTree:
    """This process, its descendants, and those that have ended.

    The tracker's own count begins when it first sees a process and ends with the last look at it,
    which leaves out much of a process that lives for seconds. Here a process that has ended stays
    in the sum: its time passes to the parent that waited for it.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._seen = 0.0

    def cpu_times(self) -> dict[int, float]:
        """CPU seconds of the whole tree, by the one process that they are charged to."""
        own = os.times()
        total = own.user + own.system + own.children_user + own.children_system
        with suppress(psutil.Error):
            for child in self._process.children(recursive=True):
                with suppress(psutil.Error):
                    used = child.cpu_times()
                    total += used.user + used.system
                    total += used.children_user + used.children_system
        # A child that ended between the two looks is missing from this sum, not from the next.
        self._seen = max(self._seen, total)
        return {self._process.pid: self._seen}
