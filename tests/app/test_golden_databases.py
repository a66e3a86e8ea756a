"""Databases that the service wrote at every revision of the schema: they come up to the newest one
and go down again with every row they had, and the service of today answers from them."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic.script import ScriptDirectory

from app.core import migrations
from app.core.schema import open_database
from app.main import create_app
from app.settings import Settings
from tests.contracts.schema import differences

GOLDEN = Path(__file__).parent / "golden"
SCRIPTS = ScriptDirectory.from_config(migrations.configuration())
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
MADE = [revision for revision in REVISIONS if (GOLDEN / f"{revision}.sql").exists()]

Rows = dict[str, tuple[list[str], list[tuple[Any, ...]]]]


def test_every_revision_has_a_database() -> None:
    assert MADE == REVISIONS, "run `python tests/app/golden/make.py` with the code of the revision"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "autopq.sqlite3"


def restore(revision: str, file: Path) -> Rows:
    """Write the golden database and say what is in it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((GOLDEN / f"{revision}.sql").read_text())
    return rows_of(file)


def rows_of(file: Path, like: Rows | None = None) -> Rows:
    """Columns and rows by table, in any order; of the tables and columns of `like` if given."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in (migrations.VERSION_TABLE, "sqlite_sequence")
        ]
        found: Rows = {}
        for table in tables if like is None else like:
            there = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            columns = there if like is None else like[table][0]
            assert set(columns) <= set(there), f"{table} lost a column"
            rows = connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
            found[table] = columns, sorted(rows, key=repr)
    return found


def move(file: Path, *, up: str | None = None, down: str | None = None) -> None:
    database = open_database(f"sqlite:///{file}")
    if up is not None:
        migrations.upgrade(database.engine, up)
    if down is not None:
        migrations.downgrade(database.engine, down)
    database.close()


@pytest.mark.parametrize("revision", MADE)
def test_holds_something_in_every_table_that_jobs_fill(revision: str, file: Path) -> None:
    filled = {table for table, (_, rows) in restore(revision, file).items() if rows}
    assert filled >= {
        "dataset", "job", "attempt", "trial", "leaderboard_row", "model", "forecast",
        "energy_ledger", "supervisor_lease",
    }  # fmt: skip


@pytest.mark.parametrize("revision", MADE)
def test_up_keeps_every_row_and_ends_in_the_schema_of_the_models(revision: str, file: Path) -> None:
    before = restore(revision, file)
    move(file, up="head")
    assert rows_of(file, like=before) == before
    database = open_database(f"sqlite:///{file}")
    with database.engine.connect() as connection:
        assert differences(connection) == []
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    database.close()


@pytest.mark.parametrize("revision", MADE)
def test_down_again_keeps_what_the_older_schema_knew(revision: str, file: Path) -> None:
    before = restore(revision, file)
    move(file, up="head", down=revision)
    assert rows_of(file) == before
    move(file, up="head")
    assert rows_of(file, like=before) == before


@pytest.mark.parametrize("revision", MADE[1:])
def test_down_one_step_at_a_time(revision: str, file: Path) -> None:
    """From the rows of this revision, which the ones below have to take."""
    restore(revision, file)
    for older in reversed(REVISIONS[: REVISIONS.index(revision)]):
        move(file, down=older)
        assert {"job", "dataset"} <= set(rows_of(file))
    move(file, down="base")
    assert rows_of(file) == {}


@pytest.mark.parametrize("revision", MADE)
def test_the_service_answers_from_it(revision: str, tmp_path: Path, file: Path) -> None:
    rows = restore(revision, file)

    def first(table: str, column: str = "id") -> Any:
        columns, found = rows[table]
        return found[0][columns.index(column)]

    succeeded = first("model", "job_id")
    job = f"/v1/jobs/{succeeded}"
    paths = [
        *("/v1/datasets", "/v1/jobs", "/v1/forecasts", "/v1/energy", "/v1/usage", "/metrics"),
        *(job, f"{job}/audit", f"{job}/leaderboard", f"{job}/trials", f"{job}/energy"),
        f"/v1/datasets/{first('dataset')}",
        f"/v1/models/{first('model')}",
        f"/v1/forecasts/{first('forecast')}/status",
    ]

    async def ask() -> dict[str, httpx.Response]:
        app = create_app(Settings(data_dir=tmp_path, supervise=False))
        async with app.router.lifespan_context(app):
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("DELETE FROM api_key")  # whose secret nobody knows
                connection.commit()
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return {path: await http.get(path) for path in paths}

    answers = asyncio.run(ask())
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(
        paths, 200
    ), [answer.text for answer in answers.values() if answer.status_code != 200]
    assert len(answers["/v1/jobs"].json()["items"]) == 2
    assert answers[f"{job}/energy"].json()["total"]["seconds"] > 0
