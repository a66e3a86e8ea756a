"""A database of its own for every test of queue and states."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core import migrations
from app.core.clock import now
from app.core.database import Database
from app.core.schema import open_database
from app.datasets.tables import DatasetRow


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'jobs.sqlite3'}")
    migrations.upgrade(opened.engine)
    with opened.write() as session:
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
    yield opened
    opened.close()
