"""Keeps the machine's meter: one process, started with the supervisor, replaced when dead."""

import sys
import time

import structlog

from app.energy.metering import board_path
from app.engine.local import worker_environment
from app.engine.processes import Processes
from app.settings import Settings

log = structlog.get_logger(__name__)

_GRACE_S = 5.0
_KILL_WAIT_S = 5.0
_PATIENCE_S = 15.0  # no worker waits longer for the meter
_AGAIN_S = 10.0  # a meter that cannot start is not started over and over


class HostMeterKeeper:
    """The supervisor's side of `python -m app.energy.host`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._processes = Processes()
        self._handle: str | None = None
        self._start_at = 0.0
        self._board = board_path(settings)
        self._began: float | None = None

    @property
    def ready(self) -> bool:
        """Whether workers find their shares; or it has taken too long, and they go without."""
        if self._board.exists():
            return True
        return self._began is not None and time.monotonic() - self._began >= _PATIENCE_S

    def tend(self) -> None:
        """Notice an end, and start a meter when none is there."""
        if self._handle is not None:
            ended = self._processes.ended(self._handle)
            if ended is None:
                return
            log.warning("the machine's meter ended", reason=ended.reason)
            self._handle = None
            self._start_at = time.monotonic() + _AGAIN_S
        if time.monotonic() >= self._start_at:
            self._board.unlink(missing_ok=True)  # of a meter that was killed
            self._began = self._began or time.monotonic()
            self._handle = self._processes.start(
                [sys.executable, "-m", "app.energy.host"],
                worker_environment(self._settings),
                self._settings.storage.log("host-meter"),
            )

    def stop(self) -> None:
        """After the workers: it then settles what their last seconds took."""
        if self._handle is None:
            return
        self._processes.stop(self._handle, _GRACE_S)
        deadline = time.monotonic() + _GRACE_S + _KILL_WAIT_S
        while self._processes.ended(self._handle) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self._handle = None
