"""The supervisor's role may be lost at any moment, and all that goes with it is then given up."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update

from app.core import migrations
from app.core.clock import now
from app.core.database import Database
from app.core.schema import open_database
from app.datasets.tables import DatasetRow
from app.engine.base import Needs
from app.engine.devices import Devices
from app.engine.local import LocalEngine
from app.engine.supervisor import Supervisor
from app.engine.tables import SupervisorLeaseRow
from app.settings import Settings
from tests.contracts.databases import queue, within

pytestmark = pytest.mark.slow


class SlowEngine(LocalEngine):
    """Takes so long over a start that `meanwhile` happens and the role has to be renewed."""

    def __init__(self, settings: Settings, meanwhile: Callable[[], None]) -> None:
        super().__init__(settings, Devices(()))
        self._meanwhile = meanwhile
        self._pause = settings.lease_seconds / 2 + 0.1

    def start(self, job_id: str, attempt: int, needs: Needs) -> str:
        handle = super().start(job_id, attempt, needs)
        self._meanwhile()
        time.sleep(self._pause)
        return handle


def test_a_role_that_is_lost_while_jobs_are_started_is_handed_over(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, max_concurrent_jobs=2, lease_seconds=2)
    settings.storage.prepare()
    database = open_database(settings.resolved_database_url)
    migrations.upgrade(database.engine)
    with database.write() as session:
        session.add(
            DatasetRow(
                tenant_id="default",
                id="ds",
                created_at=now(),
                media_type="text/csv",
                size_bytes=1,
                sha256="0",
                rows=1,
                inspection={},
            )
        )
    queue(database, "a", "b")
    taken: list[bool] = []

    def taken_over() -> None:
        _take_role(database)
        taken.append(bool(_children()))

    supervisor = Supervisor(settings, database, SlowEngine(settings, taken_over))
    before = _children()
    supervisor.start()
    try:
        assert within(120, lambda: taken)
        assert taken == [True]
        # The workers, and the machine's meter, which ends with its supervisor alone.
        assert within(120, lambda: _children() <= before)
        assert len(taken) == 1  # nothing more was started
        assert supervisor.running
    finally:
        supervisor.stop()
        database.close()


def _take_role(database: Database) -> None:
    """As another process of another machine does, for the next hour."""
    later = now().replace(year=now().year + 1)
    with database.write() as session:
        session.execute(update(SupervisorLeaseRow).values(holder="other@away", expires_at=later))


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}
