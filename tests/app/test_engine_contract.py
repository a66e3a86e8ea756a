"""Jobs as processes of this machine, rows in SQLite."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.engines import EngineContract, watch

__all__ = ["watch"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class LocalBackend:
    """The engine is part of the service: they break down together."""

    def __init__(self, service: Any, dataset_id: str) -> None:
        self.service = service
        self.dataset_id = dataset_id

    def break_down(self) -> None:
        self.service.kill()
        self.service.start()


@pytest.fixture(scope="module")
def backend(
    tmp_path_factory: pytest.TempPathFactory, serving: Any, table: Any
) -> Iterator[LocalBackend]:
    with serving(tmp_path_factory.mktemp("engine"), max_concurrent_jobs=2) as service:
        yield LocalBackend(service, service.upload(table))


class TestLocalEngine(EngineContract):
    pass
