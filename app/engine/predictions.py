"""Keeps the prediction worker: one process, started when a forecast waits, replaced when dead."""

import sys
import time

from app.core.clock import now
from app.core.database import Database
from app.engine.lease import Lease
from app.engine.local import worker_environment
from app.engine.processes import Processes
from app.forecasts import repository, transitions
from app.settings import Settings

_KILL_WAIT_S = 5.0


class PredictionKeeper:
    """The supervisor's side of `python -m app.forecasts.worker`."""

    def __init__(self, settings: Settings, database: Database, lease: Lease) -> None:
        self._settings = settings
        self._database = database
        self._lease = lease
        self._processes = Processes()
        self._handle: str | None = None

    def tend(self) -> None:
        """Notice a death, and start a worker when forecasts wait and none is there."""
        if self._handle is not None:
            ended = self._processes.ended(self._handle)
            if ended is None:
                return
            self._handle = None
            if not self._lease.hold(surely=True):
                return  # ended by whoever took over, who sees to its forecast
            self._end_running(ended.reason, crashed=True)
        with self._database.read() as session:
            waiting = repository.any_queued(session)
        if waiting:
            self._handle = self._processes.start(
                [sys.executable, "-m", "app.forecasts.worker"],
                worker_environment(self._settings),
                self._settings.storage.log("prediction-worker"),
            )
            self._lease.note_prediction_worker(self._handle)

    def recover(self) -> None:
        """End the worker of an earlier supervisor and put its forecast back into the queue."""
        left = self._lease.noted_prediction_worker()
        if left is not None:
            self._processes.discard(left)
        self._end_running("interrupted", crashed=False)

    def stop(self) -> None:
        """Stop the worker; a forecast it was at goes back into the queue, unless another
        supervisor took over and running forecasts are its worker's."""
        if self._handle is None:
            return
        self._processes.stop(self._handle, self._settings.cancel_grace_seconds)
        deadline = time.monotonic() + self._settings.cancel_grace_seconds + _KILL_WAIT_S
        while self._processes.ended(self._handle) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self._handle = None
        if self._lease.held and self._lease.hold():
            self._end_running("interrupted", crashed=False)

    def _end_running(self, reason: str, *, crashed: bool) -> None:
        with self._database.write() as session:
            ended = transitions.end_running(session, now(), reason=reason, crashed=crashed)
        for forecast_id, attempt in ended:
            storage = self._settings.storage
            storage.discard(storage.forecast(forecast_id, attempt))
