"""Nodes of a Ray cluster that die: two on this machine, and a head that runs no jobs itself."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.app.conftest import Service, example_table
from tests.ray_head import RayHead, running_ray

pytestmark = [pytest.mark.timeout(1800), pytest.mark.nodes]


@pytest.fixture(scope="module")
def ray() -> Iterator[RayHead]:
    with running_ray(cpus=0) as head:
        yield head


Make = Callable[..., Service]


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory, ray: RayHead) -> Iterator[Make]:
    """Starts services on the cluster, which has no nodes before nor after."""
    started: list[Service] = []

    def start(**settings: object) -> Service:
        on_ray = {
            "engine": "ray",
            "ray_address": ray.address,
            "ray_token_file": ray.token_file,
        }
        started.append(Service(tmp_path_factory.mktemp("service"), **on_ray, **settings))
        started[-1].start()
        return started[-1]

    yield start
    for service in started:
        service.stop()
    for node in list(ray.nodes):
        ray.kill_node(node)
    ray.await_nodes(1)


def home_of(process: psutil.Process, ray: RayHead) -> subprocess.Popen[bytes]:
    """The node that it runs on."""
    ancestors = {parent.pid for parent in process.parents()}
    (home,) = [node for node in ray.nodes if node.pid in ancestors]
    return home


def trials_under_way(ray: RayHead) -> list[psutil.Process]:
    return ray.processes("ray::_Process.run")


def tried(service: Service, job_id: str) -> list[tuple[int, str, str | None]]:
    """Attempt, name and error of every setting that was tried, as written down."""
    query = "SELECT attempt, name, error FROM trial WHERE job_id = ? ORDER BY id"
    return [(a, n, e) for a, n, e in service.rows(query, job_id) if "#" in n and "/" not in n]


def test_a_job_whose_node_dies_starts_again_on_another(make: Make, ray: RayHead) -> None:
    service = make()
    for _ in range(2):
        ray.add_node()
    dataset_id = service.upload(example_table())
    job_id = service.submit(dataset_id, **service.long_config)["id"]
    service.until(lambda: service.states(job_id)[1] == ["running"], "the first attempt", 280)
    (worker,) = service.workers()
    ray.kill_node(home_of(worker, ray))
    ended = service.finish(job_id, 600)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
    assert service.states(job_id)[1] == ["lost", "succeeded"]
    assert not psutil.pid_exists(worker.pid)


def test_jobs_wait_for_a_node(make: Make, ray: RayHead) -> None:
    """Nothing is submitted to a cluster without a place: Ray would fail it in the end."""
    service = make()
    job_id = service.submit(service.upload(example_table()))["id"]
    service.until(lambda: service.job(job_id)["state"] == "queued", "the queue")
    ray.add_node()
    ended = service.finish(job_id, 280)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1), ended


SEARCH = {
    "preset": "advanced",
    "forecasters": ["climatology"],
    "quantile_models": ["residual", "lightgbm_quantile", "mlp_quantile"],
    "max_trials": 10,
    "refit": False,
}


def test_a_node_that_dies_in_mid_trial_costs_that_trial_alone(make: Make, ray: RayHead) -> None:
    """And a worker that dies none that was finished, though the cluster has become smaller."""
    service = make(ray_trials=2)
    for _ in range(3):
        ray.add_node()
    job_id = service.submit(service.upload(example_table()), **SEARCH)["id"]
    service.until(lambda: tried(service, job_id) and len(trials_under_way(ray)) == 2, "trials", 600)
    (worker,) = service.workers()
    lost = trials_under_way(ray)[0]
    home = home_of(lost, ray)
    assert home is not home_of(worker, ray)
    before = len(tried(service, job_id))
    ray.kill_node(home)
    service.until(lambda: len(tried(service, job_id)) >= before + 2, "more trials", 600)
    assert service.workers() == [worker]

    os.kill(worker.pid, signal.SIGKILL)
    service.until(lambda: not service.workers(), "the worker's end")
    known = tried(service, job_id)
    ended = service.finish(job_id, 900)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
    found = tried(service, job_id)
    assert found[: len(known)] == known
    assert {attempt for attempt, *_ in known} == {1}
    assert {attempt for attempt, *_ in found[len(known) :]} == {2}
    names = [name for _, name, _ in found]
    assert len(set(names)) == len(names) == 10
    assert not [error for _, _, error in found if error and "pruned" not in error]
    # What attempt 1 had finished, it alone spent electricity on.
    query = "SELECT DISTINCT trial FROM energy_ledger WHERE job_id = ? AND attempt = 2"
    spent = {name for (name,) in service.rows(query, job_id)}
    assert not spent & {name for _, name, _ in known}
    assert spent & {name for attempt, name, _ in found if attempt == 2}
    service.until(lambda: not trials_under_way(ray), "the end of the trials' processes", 60)
