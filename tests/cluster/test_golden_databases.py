"""Every revision up and down on PostgreSQL, with the rows that the service of its day wrote.

The rows are those of `tests/app/golden`, which were written to SQLite; here they are put into
PostgreSQL at the revision they are of.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, create_engine, func, inspect, select, text

from app.core import migrations
from app.core.schema import open_database
from tests.contracts.schema import differences

GOLDEN = Path(__file__).parents[1] / "app/golden"
SCRIPTS = ScriptDirectory.from_config(migrations.configuration())
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]

Rows = dict[str, tuple[list[str], list[tuple[Any, ...]]]]


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    database = open_database(postgres_url)
    yield database.engine
    database.close()


def pour(revision: str, engine: Engine, folder: Path) -> Rows:
    """Bring an empty database to a revision, put its golden rows in, and say what they are."""
    file = folder / "golden.sqlite3"
    with closing(sqlite3.connect(file)) as golden:
        golden.executescript((GOLDEN / f"{revision}.sql").read_text())
    migrations.upgrade(engine, revision)
    source = create_engine(f"sqlite:///{file}")
    there, here = MetaData(), MetaData()
    there.reflect(source)
    here.reflect(engine)
    with source.connect() as taken, engine.begin() as given:
        for table in reversed(here.sorted_tables):  # what a revision itself put in comes again
            if table.name != migrations.VERSION_TABLE:
                given.execute(table.delete())
        for table in here.sorted_tables:
            if table.name != migrations.VERSION_TABLE:
                for row in taken.execute(select(there.tables[table.name])).mappings():
                    known = {name: value for name, value in row.items() if value is not None}
                    given.execute(table.insert().values(known))
                count_on(given, table.name)
    source.dispose()
    return rows_of(engine)


def count_on(connection: Connection, table: str) -> None:
    """Let the numbers that the database gives go on behind those that were put in."""
    key = inspect(connection).get_pk_constraint(table)["constrained_columns"]
    name = key[0]
    sequence = connection.scalar(select(func.pg_get_serial_sequence(table, name)))
    if sequence is not None:
        connection.execute(
            text(f"SELECT setval('{sequence}', (SELECT coalesce(max({name}), 0) + 1 FROM {table}))")
        )


def rows_of(engine: Engine, like: Rows | None = None) -> Rows:
    """Columns and rows by table, in any order; of the tables and columns of `like` if given."""
    tables = MetaData()
    tables.reflect(engine)
    found: Rows = {}
    names = [name for name in tables.tables if name != migrations.VERSION_TABLE]
    with engine.connect() as connection:
        for name in names if like is None else like:
            table = tables.tables[name]
            columns = [column.name for column in table.columns] if like is None else like[name][0]
            assert set(columns) <= {column.name for column in table.columns}, f"{name} lost one"
            query = select(*(table.c[column] for column in columns))
            found[name] = columns, sorted(map(tuple, connection.execute(query)), key=repr)
    return found


@pytest.mark.parametrize("revision", REVISIONS)
def test_up_keeps_every_row_and_ends_in_the_schema_of_the_models(
    revision: str, engine: Engine, tmp_path: Path
) -> None:
    before = pour(revision, engine, tmp_path)
    assert all(before[table][1] for table in ("job", "attempt", "model", "energy_ledger"))
    migrations.upgrade(engine)
    assert rows_of(engine, like=before) == before
    with engine.connect() as connection:
        assert differences(connection) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_down_again_keeps_what_the_older_schema_knew(
    revision: str, engine: Engine, tmp_path: Path
) -> None:
    before = pour(revision, engine, tmp_path)
    migrations.upgrade(engine)
    migrations.downgrade(engine, revision)
    assert rows_of(engine) == before
    migrations.upgrade(engine)
    assert rows_of(engine, like=before) == before


def test_down_one_step_at_a_time(engine: Engine, tmp_path: Path) -> None:
    pour(REVISIONS[-1], engine, tmp_path)
    for older in reversed(REVISIONS[:-1]):
        migrations.downgrade(engine, older)
        assert rows_of(engine)["job"][1]
    migrations.downgrade(engine, "base")
    assert rows_of(engine) == {}
