"""A worker's heartbeat: writes what there is to write, and ends the worker when its time is up."""

import os
import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

log = structlog.get_logger(__name__)

PARENT_VARIABLE = "AUTOPQ_PARENT_PID"
FENCE_LOST_CODE = 75
_PARENT_POLL_S = 0.25


def is_orphan() -> bool:
    """Whether this process outlived the supervisor that started it."""
    parent = os.environ.get(PARENT_VARIABLE)
    return parent is not None and os.getppid() != int(parent)


class Heartbeat:
    """Calls `beat` every `seconds` on a thread of its own.

    When the parent process is gone it calls `beat` once more and ends this process and all it
    started: a worker without a supervisor must not work on. A `beat` that raises one of `fatal`
    ends the process with code 75; other errors are logged, and the next beat tries again.
    """

    def __init__(self, beat: Callable[[], None], seconds: float, *, fatal: type[Exception]) -> None:
        self._beat = beat
        self._seconds = seconds
        self._fatal = fatal
        self._done = False
        self._early = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done = True
        self._wake.set()
        self._thread.join()

    def hurry(self) -> None:
        """Beat now rather than when the time comes. Returns at once."""
        self._early = True
        self._wake.set()

    def _run(self) -> None:
        until_beat = self._seconds
        while True:
            self._wake.wait(min(_PARENT_POLL_S, until_beat))
            self._wake.clear()
            if self._done:
                return
            if self._early:
                self._early, until_beat = False, 0.0
            if is_orphan():
                self._try_beat()
                os.killpg(os.getpgrp(), signal.SIGKILL)
            until_beat -= min(_PARENT_POLL_S, until_beat)
            if until_beat <= 0:
                self._try_beat()
                until_beat = self._seconds

    def _try_beat(self) -> None:
        try:
            self._beat()
        except self._fatal:
            log.info("this attempt was taken from the worker")
            os._exit(FENCE_LOST_CODE)
        except Exception:
            log.warning("heartbeat failed", exc_info=True)
