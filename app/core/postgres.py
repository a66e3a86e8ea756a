"""What is particular to PostgreSQL: the driver, timeouts, lost connections and advisory locks."""

from enum import IntEnum
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

BACKEND = "postgresql"
_DRIVER = "postgresql+psycopg"
_SPELLINGS = ("postgres", "postgresql")

# A statement that waits for a lock or runs for longer is given up and may be tried again.
STATEMENT_TIMEOUT_MS = 30_000
# A process that was stopped in the middle of a transaction must not keep its locks.
_IDLE_IN_TRANSACTION_MS = 60_000
# Without these, a connection to a machine that is gone stays open for two hours. The server's
# side decides how soon another supervisor may take over from a machine that vanished.
_CLIENT_KEEPALIVE = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "autopq",
}
_SESSION = {
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "lock_timeout": STATEMENT_TIMEOUT_MS,
    "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_MS,
    "tcp_keepalives_idle": 3,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 2,
}


class MissingDriverError(SQLAlchemyError):
    """The driver is not installed."""


class AdvisoryLock(IntEnum):
    """Numbers that mean something to the processes of this service alone."""

    MIGRATION = 4_711_001
    SUPERVISOR = 4_711_002


def is_postgres(url: str) -> bool:
    return make_url(url).get_backend_name() in _SPELLINGS


def with_driver(url: URL) -> URL:
    """The address as SQLAlchemy wants it, however PostgreSQL's name is spelt in it."""
    return url.set(drivername=_DRIVER) if url.get_backend_name() in _SPELLINGS else url


def engine_for(url: str) -> Engine:
    """An engine that notices lost connections before they are used."""
    address = with_driver(make_url(url))
    ours = {name: value for name, value in _CLIENT_KEEPALIVE.items() if name not in address.query}
    try:
        engine = create_engine(address, connect_args=ours, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise MissingDriverError(
            "PostgreSQL needs the extra `postgres`: pip install 'autopq-service[postgres]'"
        ) from error
    event.listen(engine, "connect", _prepare)
    return engine


def reading_options() -> dict[str, Any]:
    """For connections that only read: one state of the database, as in SQLite's transactions."""
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def prepare_to_alter(connection: Connection) -> None:
    """One process at a time alters the tables, for as long as the transaction takes."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    lock = {"lock": int(AdvisoryLock.MIGRATION)}
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), lock)


class HeldLock:
    """An advisory lock of one connection, kept until that ends or is closed."""

    def __init__(self, engine: Engine, lock: AdvisoryLock) -> None:
        self._engine = engine
        self._lock = int(lock)
        self._connection: Connection | None = None

    def hold(self) -> bool:
        """Take or keep the lock; False while another has it. Raises OperationalError when the
        database does not answer."""
        if self._connection is not None and self._answers(self._connection):
            return True
        self.release()
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        taken = False
        try:
            lock = {"lock": self._lock}
            taken = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), lock))
        finally:
            if not taken:
                connection.close()
        if not taken:
            return False
        connection.detach()  # from the pool, which would hand it to others
        self._connection = connection
        return True

    def release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _answers(self, connection: Connection) -> bool:
        try:
            connection.execute(text("SELECT 1"))
        except DBAPIError:
            return False
        return True


def lock_of(engine: Engine, lock: AdvisoryLock) -> HeldLock | None:
    """None on other databases."""
    return HeldLock(engine, lock) if engine.dialect.name == BACKEND else None


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    wanted = (f"set_config('{name}', '{value}', false)" for name, value in _SESSION.items())
    cursor = connection.cursor()
    cursor.execute(f"SELECT {', '.join(wanted)}")
    cursor.close()
    connection.commit()
