"""Revisions and tables say the same, and migrating keeps rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, inspect, select

from app.core import migrations
from app.core.clock import now
from app.core.database import Database
from app.core.schema import METADATA, open_database
from app.datasets.tables import DatasetRow
from app.jobs.tables import JobRow
from tests.contracts.schema import differences


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'autopq.sqlite3'}")
    yield opened
    opened.close()


def test_revisions_make_the_tables_of_the_models(database: Database) -> None:
    migrations.upgrade(database.engine)
    with database.engine.connect() as connection:
        assert migrations.at_head(connection)
        assert differences(connection) == []


def test_check_constraints_are_those_of_the_models(database: Database) -> None:
    """Alembic does not compare these by itself."""
    migrations.upgrade(database.engine)
    found = inspect(database.engine)
    other = open_database("sqlite://")
    METADATA.create_all(other.engine)
    wanted = inspect(other.engine)
    for table in METADATA.tables:
        for left, right in zip(
            sorted(found.get_check_constraints(table), key=lambda c: str(c["name"])),
            sorted(wanted.get_check_constraints(table), key=lambda c: str(c["name"])),
            strict=True,
        ):
            assert left == right
    other.close()


def test_upgrading_again_keeps_rows(database: Database) -> None:
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
    migrations.upgrade(database.engine)
    with database.read() as session:
        assert session.get(DatasetRow, "ds") is not None


def test_downgrade_with_rows_and_up_again(database: Database) -> None:
    migrations.upgrade(database.engine)
    with database.engine.begin() as connection:
        connection.execute(
            insert(DatasetRow).values(
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
        connection.execute(
            insert(JobRow).values(
                tenant_id="default",
                id="job",
                dataset_id="ds",
                config={},
                audit={},
                state="queued",
                progress=0,
                message="",
                attempt=0,
                crashes=0,
                created_at=now(),
            )
        )
    migrations.downgrade(database.engine, "base")
    assert set(inspect(database.engine).get_table_names()) == {migrations.VERSION_TABLE}
    migrations.upgrade(database.engine)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(JobRow)) == 0


def test_a_second_process_may_migrate_too(database: Database) -> None:
    other = open_database(str(database.engine.url))
    migrations.upgrade(database.engine)
    migrations.upgrade(other.engine)
    other.close()
