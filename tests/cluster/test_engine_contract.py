"""The contract of engines on a Ray cluster and on PostgreSQL, both really started."""

from collections.abc import Iterator

import pytest

from tests.app.conftest import Service, example_table
from tests.contracts.engines import EngineContract, watch
from tests.postgres import PostgresServer
from tests.ray_head import RayHead, running_ray

__all__ = ["watch"]

pytestmark = pytest.mark.timeout(1800)


class ClusterBackend:
    """A service on a database of its own, with or without a Ray cluster."""

    def __init__(self, service: Service, ray: RayHead | None) -> None:
        self.service = service
        self.dataset_id = service.upload(example_table())
        self._ray = ray

    def break_down(self) -> None:
        if self._ray is None:
            self.service.kill()
            self.service.start()
        else:
            self._ray.kill()
            self._ray.start()


@pytest.fixture(scope="module")
def ray() -> Iterator[RayHead]:
    with running_ray() as head:
        yield head


@pytest.fixture(scope="module", params=["ray", "local"])
def backend(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
) -> Iterator[ClusterBackend]:
    settings: dict[str, object] = {
        "database_url": postgres.create_database(),
        "max_concurrent_jobs": 2,
    }
    ray: RayHead | None = None
    if request.param == "ray":
        ray = request.getfixturevalue("ray")
        settings |= {"engine": "ray", "ray_address": ray.address, "ray_token_file": ray.token_file}
    service = Service(tmp_path_factory.mktemp("service"), **settings)
    service.start()
    yield ClusterBackend(service, ray)
    service.stop()


class TestEngineOnPostgres(EngineContract):
    pass
