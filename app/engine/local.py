"""`LocalEngine`: one process per attempt on this machine."""

import os

import structlog

from app.engine.base import Ended, Needs, Room, worker_command
from app.engine.devices import Devices, find_devices
from app.engine.heartbeat import PARENT_VARIABLE
from app.engine.niceness import patient_threads
from app.engine.processes import Processes
from app.settings import Settings

log = structlog.get_logger(__name__)


class LocalEngine:
    """Runs `python -m app.jobs.run JOB ATTEMPT`. See `app.engine.base.Engine`.

    Where there are GPUs, each attempt is shown devices that no other attempt has."""

    outlives_supervisor = False

    def __init__(self, settings: Settings, devices: Devices | None = None) -> None:
        self._settings = settings
        self._processes = Processes()
        self._slots = settings.max_concurrent_jobs or 1
        self._devices = find_devices() if devices is None else devices
        self._running: set[str] = set()
        if self._devices.total:
            log.info("GPUs of this machine", count=self._devices.total)

    def tend(self) -> None:
        """Processes are asked one by one."""

    def room(self, needs: Needs) -> Room:
        gpus = self._gpus(needs.ranks)
        if gpus > self._devices.total:
            return "never"
        free = len(self._running) < self._slots and gpus <= len(self._devices.free)
        return "now" if free else "later"

    def start(self, job_id: str, attempt: int, needs: Needs) -> str:
        shown = self._devices.environment(self._gpus(needs.ranks))
        handle = self._processes.start(
            worker_command(job_id, attempt),
            {**worker_environment(self._settings), **patient_threads(), **shown},
            self._settings.storage.log(f"{job_id}-{attempt}"),
        )
        self._running.add(handle)
        self._devices.hold(handle, shown)
        return handle

    def ended(self, handle: str) -> Ended | None:
        ended = self._processes.ended(handle)
        if ended is not None:
            self._running.discard(handle)
            self._devices.release(handle)
        return ended

    def stop(self, handle: str, grace: float) -> None:
        self._processes.stop(handle, grace)

    def adopt(self, handle: str, needs: Needs) -> bool:
        return False  # workers end with the process that started them

    def discard(self, handle: str) -> None:
        self._processes.discard(handle)

    def _gpus(self, ranks: int) -> int:
        """One for each rank, where the machine has as many; else ranks train on processors."""
        asked, total = self._settings.gpus_per_job, self._devices.total
        own = min(1, total) if asked is None else asked
        return max(own, ranks) if own and ranks <= total else own


def worker_environment(settings: Settings) -> dict[str, str]:
    """Environment of a worker process that ends when this process is gone."""
    return {**settings.as_environment(), PARENT_VARIABLE: str(os.getpid())}
