"""Real servers for the tests of this folder; everything in it is marked `cluster`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pandas as pd
import pytest

from tests.app.conftest import Service, example_table
from tests.postgres import PostgresServer, running

Make = Callable[..., AbstractContextManager[Service]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/tests/cluster/" in item.path.as_posix():
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for every test that does not stop it."""
    with running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """Address of a new, empty database."""
    return postgres.create_database()


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return example_table()


@pytest.fixture
def serving(tmp_path: Path) -> Make:
    """Starts a service on a database; those of one test share their files."""

    @contextmanager
    def serve(url: str, **settings: object) -> Iterator[Service]:
        service = Service(tmp_path / "data", database_url=url, **settings)
        service.start()
        try:
            yield service
        finally:
            service.stop()

    return serve


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A server of this module alone, whose tests may stop it and start it again."""
    with running() as server:
        yield server
