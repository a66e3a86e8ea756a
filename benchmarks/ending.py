"""How a benchmark that started servers takes being told to end."""

import multiprocessing
import signal
import sys
from types import FrameType


def end_when_told() -> None:
    """From now on SIGTERM unwinds this process like an exception, so that what it started is
    ended. Its `multiprocessing` children are killed first: they would be waited for."""
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not cut the unwinding off
    for child in multiprocessing.active_children():
        child.kill()
    sys.exit(128 + number)
