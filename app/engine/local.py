"""`LocalEngine`: one process per attempt on this machine."""

import os
import sys

from app.engine.base import Ended
from app.engine.heartbeat import PARENT_VARIABLE
from app.engine.processes import Processes
from app.settings import Settings


class LocalEngine:
    """Runs `python -m app.jobs.run JOB ATTEMPT`. See `app.engine.base.Engine`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._processes = Processes()

    def start(self, job_id: str, attempt: int) -> str:
        return self._processes.start(
            [sys.executable, "-m", "app.jobs.run", job_id, str(attempt)],
            worker_environment(self._settings),
            self._settings.storage.log(f"{job_id}-{attempt}"),
        )

    def ended(self, handle: str) -> Ended | None:
        return self._processes.ended(handle)

    def stop(self, handle: str, grace: float) -> None:
        self._processes.stop(handle, grace)

    def discard(self, handle: str) -> None:
        self._processes.discard(handle)


def worker_environment(settings: Settings) -> dict[str, str]:
    """Environment of a worker process that ends when this process is gone."""
    return {**settings.as_environment(), PARENT_VARIABLE: str(os.getpid())}
