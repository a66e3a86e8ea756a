"""Brings a database to the newest schema, and says whether it is there.

The revisions lie in the top-level `migrations` folder, beside the packages both in a checkout and
in an installation.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from app.core import postgres

VERSION_TABLE = "autopq_alembic_version"  # Optuna uses Alembic's default name for its own
FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def configuration(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply what is missing, in one transaction. A second process that tries too just waits."""
    with _altering(engine) as connection:
        command.upgrade(configuration(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    with _altering(engine) as connection:
        command.downgrade(configuration(connection), revision)


@contextmanager
def _altering(engine: Engine) -> Iterator[Connection]:
    """A transaction in which tables may change.

    SQLite alters a table by copying it and dropping the old one, which foreign keys forbid while
    they are looked at; so they are looked at once, before the transaction's end. There a second
    process waits for the right to write; on PostgreSQL it waits for an advisory lock.
    """
    with engine.connect() as connection:
        sqlite = engine.dialect.name == "sqlite"
        if sqlite:
            _enforce_foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                if not sqlite:
                    postgres.prepare_to_alter(connection)
                yield connection
                if sqlite:
                    _check_foreign_keys(connection)
        finally:
            if sqlite:
                _enforce_foreign_keys(connection, "ON")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"rows refer to rows that do not exist: {broken[:10]}")


def _enforce_foreign_keys(connection: Connection, state: Literal["ON", "OFF"]) -> None:
    """Past SQLAlchemy, which would begin a transaction, in which this has no effect."""
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute(f"PRAGMA foreign_keys={state}")


def at_head(connection: Connection) -> bool:
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision() == head
