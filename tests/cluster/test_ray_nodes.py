"""Nodes of a Ray cluster that die: two on this machine, and a head that runs no jobs itself."""

from collections.abc import Iterator

import psutil
import pytest

from tests.app.conftest import Service, example_table
from tests.ray_head import RayHead, running_ray

pytestmark = [pytest.mark.timeout(1800), pytest.mark.nodes]


@pytest.fixture(scope="module")
def ray() -> Iterator[RayHead]:
    with running_ray(cpus=0) as head:
        yield head


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory, ray: RayHead) -> Iterator[Service]:
    made = Service(
        tmp_path_factory.mktemp("service"),
        engine="ray",
        ray_address=ray.address,
        ray_token_file=ray.token_file,
    )
    made.start()
    yield made
    made.stop()


def test_a_job_whose_node_dies_starts_again_on_another(service: Service, ray: RayHead) -> None:
    nodes = [ray.add_node(), ray.add_node()]
    dataset_id = service.upload(example_table())
    job_id = service.submit(dataset_id, **service.long_config)["id"]
    service.until(lambda: service.states(job_id)[1] == ["running"], "the first attempt", 280)
    (worker,) = service.workers()
    ancestors = {parent.pid for parent in worker.parents()}
    (home,) = [node for node in nodes if node.pid in ancestors]
    ray.kill_node(home)
    ended = service.finish(job_id, 600)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
    assert service.states(job_id)[1] == ["lost", "succeeded"]
    assert not psutil.pid_exists(worker.pid)


def test_jobs_wait_for_a_node(service: Service, ray: RayHead) -> None:
    """Nothing is submitted to a cluster without a place: Ray would fail it in the end."""
    for node in list(ray.nodes):
        ray.kill_node(node)
    ray.await_nodes(1)
    job_id = service.submit(service.upload(example_table()))["id"]
    service.until(lambda: service.job(job_id)["state"] == "queued", "the queue")
    ray.add_node()
    ended = service.finish(job_id, 280)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1), ended
