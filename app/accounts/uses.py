"""Remembers when keys were used, and writes it down now and then."""

import asyncio
import threading
from datetime import datetime

import structlog
from anyio import to_thread

from app.accounts import repository
from app.core.clock import now
from app.core.database import Database

EVERY_S = 60.0

log = structlog.get_logger(__name__)


class KeyUses:
    """A request only notes its key: it must not wait for the right to write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[str, datetime] = {}

    def note(self, key_id: str) -> None:
        with self._lock:
            self._noted[key_id] = now()

    async def keep_writing(self, database: Database) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await to_thread.run_sync(self.write, database)

    def write(self, database: Database) -> None:
        with self._lock:
            noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            with database.write() as session:
                repository.note_uses(session, noted)
        except Exception:
            log.warning("uses of keys could not be written", exc_info=True)
