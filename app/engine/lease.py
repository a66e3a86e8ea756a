"""The supervisor's role, held by one process at a time.

On SQLite through a row with an expiry. On PostgreSQL through an advisory lock, which the server
gives back as soon as the holder's connection is gone; the row then only says who it is.
"""

import os
import socket
import time
from datetime import timedelta

import structlog

from app.core import postgres
from app.core.clock import now
from app.core.database import Database, ReadSession
from app.engine.processes import find, handle_of
from app.engine.tables import SupervisorLeaseRow

log = structlog.get_logger(__name__)


class Lease:
    """`hold` again and again; it says whether this process is the supervisor for now."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._duration = timedelta(seconds=seconds)
        self._host = socket.gethostname()[:40]
        self._holder = f"{handle_of(os.getpid())}@{self._host}"
        self._renew_at = time.monotonic()  # a clock that is set back must not delay it
        self._lock = postgres.lock_of(database.engine, postgres.AdvisoryLock.SUPERVISOR)
        self.held = False

    def hold(self, *, surely: bool = False) -> bool:
        """Take or keep the role. Asks the database when half of the time is over, or to know it
        `surely`: another process may have taken the role, because the clock was set, say."""
        if not surely and self.held and time.monotonic() < self._renew_at:
            return True
        if self._lock is not None and not self._lock.hold():
            self.held = False
            return False
        with self._database.write() as session:
            row = session.get(SupervisorLeaseRow, 1)
            if row is None:
                row = SupervisorLeaseRow(id=1, holder=self._holder, expires_at=now())
                session.add(row)
            held = row.holder == self._holder or self._may_take(row)
            if held:
                row.holder = self._holder
                row.expires_at = now() + self._duration
                self._renew_at = time.monotonic() + self._duration.total_seconds() / 2
        self.held = held  # only now is it written
        return held

    def release(self) -> None:
        """Let another process take over at once."""
        with self._database.write() as session:
            row = session.get(SupervisorLeaseRow, 1)
            if row is not None and row.holder == self._holder:
                row.expires_at = now()
        if self._lock is not None:
            self._lock.release()
        self.held = False

    def note_prediction_worker(self, handle: str | None) -> None:
        """Remember how to find the prediction worker after a restart of the service."""
        with self._database.write() as session:
            row = session.get(SupervisorLeaseRow, 1)
            if row is not None and row.holder == self._holder:
                row.prediction_worker = handle

    def noted_prediction_worker(self) -> str | None:
        with self._database.read() as session:
            return noted_prediction_worker(session)

    def _may_take(self, row: SupervisorLeaseRow) -> bool:
        if self._lock is not None:
            # The lock may have been another's while this process was cut off from the database;
            # then the role begins anew, at the next try.
            return not self.held
        if row.expires_at <= now():
            return True
        handle, _, host = row.holder.partition("@")
        return host == self._host and find(handle) is None


def noted_prediction_worker(session: ReadSession) -> str | None:
    """The handle of the prediction worker that the supervisor keeps or kept."""
    row = session.get(SupervisorLeaseRow, 1)
    return None if row is None else row.prediction_worker


def is_supervised(session: ReadSession) -> bool:
    """Whether some process holds the role now."""
    row = session.get(SupervisorLeaseRow, 1)
    return row is not None and row.expires_at > now()
