"""PostgreSQL keeps the contract of databases, and what is particular to it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from app.core import migrations
from app.core.database import Database, patiently
from app.core.schema import open_database
from app.engine.lease import Lease
from app.jobs import repository
from tests.contracts.databases import DatabaseContract, queue, supervising_elsewhere
from tests.postgres import PostgresServer


class TestPostgres(DatabaseContract):
    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url

    def test_numbers_of_rows_outgrow_32_bits(self, database: Database) -> None:
        with database.write() as session:
            session.execute(text("SELECT setval('job_event_id_seq', :most)"), {"most": 2**31 - 1})
        queue(database, "a")
        with database.read() as session:
            events = repository.events(session, "a", after=2**31 - 1, limit=2)
        assert [event.id for event in events] == [2**31]


@pytest.fixture
def database(own_postgres: PostgresServer) -> Iterator[Database]:
    opened = open_database(own_postgres.create_database())
    migrations.upgrade(opened.engine)
    yield opened
    opened.close()


def address_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def test_who_may_only_read_cannot_write(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError, match="read-only"):
        session.execute(text("DELETE FROM job"))


def test_a_statement_that_takes_too_long_is_given_up(database: Database) -> None:
    with database.look() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "30s"
        assert connection.scalar(text("SHOW lock_timeout")) == "30s"
        connection.execute(text("SET LOCAL statement_timeout = 50"))
        with pytest.raises(OperationalError, match="statement timeout"):
            connection.execute(text("SELECT pg_sleep(60)"))


def test_goes_on_after_the_server_was_stopped(
    own_postgres: PostgresServer, database: Database
) -> None:
    question = text("SELECT 1")

    def ask() -> object:
        with database.look() as connection:
            return connection.scalar(question)

    assert ask() == 1
    own_postgres.stop()
    with pytest.raises(OperationalError):
        ask()
    own_postgres.start()
    assert patiently(ask, unless=lambda: False) == 1


def test_the_role_of_supervisor_outlives_a_stop_of_the_server(
    own_postgres: PostgresServer, database: Database
) -> None:
    lease = Lease(database, 10)
    assert lease.hold()
    own_postgres.stop()
    with pytest.raises(OperationalError):
        lease.hold(surely=True)
    assert lease.held
    own_postgres.start()
    assert lease.hold(surely=True)
    lease.release()


def test_who_was_cut_off_while_another_had_the_role_begins_anew(database: Database) -> None:
    """As when the holder's machine loses the network: its row and its clock say nothing of it."""
    lease = Lease(database, 600)
    assert lease.hold()
    with database.look() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        )
    with supervising_elsewhere(address_of(database)):
        assert lease.held
    assert not lease.hold(surely=True)  # what it started may have been ended by the other
    assert lease.hold()
    lease.release()
