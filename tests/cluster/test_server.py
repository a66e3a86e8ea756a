"""The server that the other tests of this folder are given."""

from app.core import migrations
from app.core.schema import open_database
from tests.postgres import PostgresServer


def test_keeps_its_rows_over_a_stop(own_postgres: PostgresServer) -> None:
    database = open_database(own_postgres.create_database())
    migrations.upgrade(database.engine)
    own_postgres.stop()
    own_postgres.start()
    with database.look() as connection:
        assert migrations.at_head(connection)
    database.close()
