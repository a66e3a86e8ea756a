"""Ranks that train one network together, as a gang on a Ray cluster that is really started."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.app.conftest import Service, example_table
from tests.ray_head import RayHead, running_ray

pytestmark = [pytest.mark.timeout(1800), pytest.mark.nodes]

# Small weights are worth factors only at a low bound, groups part early in a short run.
_AB = {"least_break_even": 4, "warmup": 0.1, "period": 40, "full_steps": 5, "rebound_steps": 5}
GANG: dict[str, Any] = {
    "forecasters": ["mlp"],
    "training_methods": {"forecaster": [{"name": "ab_training", "options": _AB}]},
}


@pytest.fixture(scope="module")
def ray() -> Iterator[RayHead]:
    """Two nodes; neither alone has the processors of a worker and two ranks."""
    with running_ray(cpus=2) as head:
        head.add_node(cpus=1)
        yield head


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def dataset_id(service: Service) -> str:
    return service.upload(example_table())


def ranks(ray: RayHead) -> list[psutil.Process]:
    """The processes of the gang."""
    return ray.processes("ray::_Rank")


def test_a_gang_trains_over_two_nodes(service: Service, ray: RayHead, dataset_id: str) -> None:
    job_id = service.submit(dataset_id, **GANG)["id"]
    service.until(lambda: len(ranks(ray)) == 2, "both ranks", 280)
    ended = service.finish(job_id, 600)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1), ended
    trained = service.rows(
        "SELECT error FROM trial WHERE job_id = ? AND name LIKE '%ab_training%'", job_id
    )
    assert trained  # the network itself, and what was tried on top of it
    assert {error for (error,) in trained} == {None}
    service.until(lambda: not ranks(ray), "the end of the gang", 60)


def test_a_rank_that_dies_fails_its_attempt_and_leaves_nothing(
    service: Service, ray: RayHead, dataset_id: str
) -> None:
    job_id = service.submit(dataset_id, **GANG)["id"]
    for attempt in (1, 2):
        service.until(lambda: len(ranks(ray)) == 2, "both ranks", 280)
        os.kill(ranks(ray)[0].pid, signal.SIGKILL)
        service.until(
            lambda attempt=attempt: service.states(job_id)[1][attempt - 1] == "failed",
            f"the end of attempt {attempt}",
            280,
        )
    ended = service.finish(job_id, 280)
    assert (ended["state"], ended["attempt"]) == ("failed", 2)
    assert "rank" in ended["error"]["detail"]
    service.until(lambda: not ranks(ray), "the end of the gang", 60)


def test_a_gang_that_no_cluster_could_hold_lets_others_pass(
    service: Service, dataset_id: str
) -> None:
    huge = {"forecaster": [{"name": "ab_training", "ranks": 16}]}
    waiting = service.submit(dataset_id, forecasters=["mlp"], training_methods=huge)["id"]
    small = service.submit(dataset_id)["id"]
    assert service.finish(small, 280)["state"] == "succeeded"
    assert service.job(waiting)["state"] == "queued"
    service.http.post(f"/v1/jobs/{waiting}/cancel")
