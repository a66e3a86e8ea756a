"""Memory that was freed goes back to the system.

After a large block was freed once, glibc keeps blocks of that size on its heap, where what is freed
between others stays resident: large answers would leave a process larger than it is. Arrow's own
pools keep what was freed as well.
"""

import ctypes
from contextlib import suppress

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGE_BYTES = 2**18


def return_freed_memory() -> None:
    """Have Arrow take its memory from the system, and fix the size from which a block is mapped by
    itself; the latter only where there is glibc."""
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_TRIM_THRESHOLD, _LARGE_BYTES)
