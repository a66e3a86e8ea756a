"""Child processes in sessions of their own, found again by pid and age."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from app.engine.base import Ended

_SAME_PROCESS_S = 0.1
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # where there is none, reboots look alike
_LAST_WAIT_S = 10.0


def handle_of(pid: int) -> str:
    """Pid, start in seconds since the machine's, and which start of the machine that was: none of
    them changes when the clock is set."""
    return f"{pid}:{_started(psutil.Process(pid)):.2f}:{_boot()}"


def find(handle: str) -> psutil.Process | None:
    """The process a handle means, unless it is gone or its pid was given to another."""
    pid, _, rest = handle.partition(":")
    started, _, boot = rest.partition(":")
    if boot != _boot():
        return None
    with suppress(psutil.Error, ValueError):  # it may be a handle of another engine
        process = psutil.Process(int(pid))
        if (
            abs(_started(process) - float(started)) < _SAME_PROCESS_S
            and process.status() != psutil.STATUS_ZOMBIE
        ):
            return process
    return None


def _started(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii")[:8]
    except OSError:
        return ""


class Processes:
    """Starts, watches and stops child processes together with all they started themselves."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._kill_at: dict[str, float] = {}

    def start(self, command: Sequence[str], environment: dict[str, str], log: Path) -> str:
        """Raises OSError when the process cannot be started."""
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 - the callers' own modules, no user input
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        handle = handle_of(child.pid)
        self._children[handle] = child
        return handle

    def ended(self, handle: str) -> Ended | None:
        child = self._children.get(handle)
        if child is None:
            return None if find(handle) else Ended(None)
        # Seen before it is reaped, its group's number cannot have been given to another yet.
        if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            _signal_group(child.pid, signal.SIGKILL)
            code = child.wait()
            del self._children[handle]
            self._kill_at.pop(handle, None)
            return Ended(code)
        if time.monotonic() >= self._kill_at.get(handle, float("inf")):
            _signal_group(child.pid, signal.SIGKILL)
        return None

    def stop(self, handle: str, grace: float) -> None:
        child = self._children.get(handle)
        if child is not None and handle not in self._kill_at:
            self._kill_at[handle] = time.monotonic() + grace
            _signal_group(child.pid, signal.SIGTERM)

    def discard(self, handle: str) -> None:
        process = find(handle)
        if process is not None:
            _signal_group(process.pid, signal.SIGKILL)
            with suppress(psutil.Error):
                process.wait(_LAST_WAIT_S)


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Signal the session's group, whose number is its leader's pid."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
