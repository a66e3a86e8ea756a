"""The database: one engine, and sessions that the type checker keeps apart by right to write.

SQLite runs in WAL mode and every writing transaction begins with `BEGIN IMMEDIATE`: a deferred
transaction that reads and then writes fails at once when another writer got in between, however
long the busy timeout is. So writers follow one another there. On PostgreSQL they do not: whoever
reads a row to decide what to write locks it (`FOR UPDATE`, which SQLite has no need of).
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    create_engine,
    event,
)
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from app.core import postgres, tenancy
from app.core.artefacts import StoreUnavailableError

log = structlog.get_logger(__name__)

T = TypeVar("T")

BUSY_TIMEOUT_MS = 30_000
PATIENCE_S = 300.0
_PATIENT_PAUSE_S = 0.5
_BUSY_PAUSE_S = 0.01
_READ_ONLY = "autopq_read_only"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes, also on databases that store none."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


# Of rows that the database numbers. SQLite numbers those of this type alone, with 64 bits as well.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Base of every table. Constraints have names, so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy when the class is made
        datetime: UtcDateTime,
        dict[str, Any]: JSON(none_as_null=True),
    }


class ReadSession(Session):
    """A session that may only read."""


class WriteSession(ReadSession):
    """A session inside a writing transaction."""


# For `Session.get` and `select`: the row is nobody else's to change until the transaction's end,
# though rows that refer to it may be added. SQLite has only one writer at a time anyway.
HOLD = {"key_share": True}

event.listen(ReadSession, "do_orm_execute", tenancy.confine, propagate=True)
event.listen(WriteSession, "before_flush", tenancy.stamp)


class Database:
    """Opens sessions. `write()` commits at the end of its block and rolls back on an error.

    A session for a tenant sees that tenant's rows alone; see `app.core.tenancy`.
    """

    def __init__(self, url: str) -> None:
        self.engine = _create_engine(url)
        self._must_exist = False
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "do_connect", self._refuse_to_replace)
            options: dict[str, Any] = {_READ_ONLY: True}
        else:
            options = postgres.reading_options()
        self._reading = self.engine.execution_options(**options)

    @contextmanager
    def read(self, tenant_id: str | None = None) -> Iterator[ReadSession]:
        info = {tenancy.TENANT: tenant_id}
        with ReadSession(self._reading, expire_on_commit=False, info=info) as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """To read without a session, which takes a fraction of the time: for what every request
        asks. Nothing confines it to a tenant."""
        with self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self, tenant_id: str | None = None) -> Iterator[WriteSession]:
        info = {tenancy.TENANT: tenant_id}
        with (
            WriteSession(self.engine, expire_on_commit=False, info=info) as session,
            session.begin(),
        ):
            yield session

    def must_exist(self) -> None:
        """From now on, a SQLite file that is missing is an error rather than a new one: it may be
        on a disk that comes back."""
        self._must_exist = True

    def _refuse_to_replace(self, *_: object) -> None:
        path = self.engine.url.database
        if self._must_exist and path and not Path(path).exists():
            raise sqlite3.OperationalError(f"the database file {path} is missing")

    def close(self) -> None:
        self.engine.dispose()


def patiently(work: Callable[[], T], *, unless: Callable[[], bool]) -> T:
    """What `work` returns. A database that is locked or gone, or a store of files that does not
    answer, is asked again for some minutes, unless there is no use in it any more: hours of fitting
    must not be lost to a pause of it."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except (SQLAlchemyError, StoreUnavailableError) as error:
            of_store = isinstance(error, StoreUnavailableError)
            if not (of_store or passes(error)) or time.monotonic() >= until or unless():
                raise
            unusable = "store of files" if of_store else "database"
            log.warning(f"the {unusable} cannot be used now", error=str(error))
            time.sleep(_PATIENT_PAUSE_S)


def passes(error: Exception) -> bool:
    """Whether it says that the database is locked, busy or gone, which another try may not find."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, OperationalError | PoolTimeoutError)


def _create_engine(url: str) -> Engine:
    if postgres.is_postgres(url):
        return postgres.engine_for(url)
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    # The driver's own implicit BEGIN is deferred; `_begin_sqlite` says when and how instead.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    _log_ahead(connection)
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Two connections that both turn a new file to WAL would wait for each other; SQLite then
    refuses one at once, whatever the busy timeout. The other's success is what it asked for."""
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= until:
                raise
            time.sleep(_BUSY_PAUSE_S)


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
