"""Workers and services that are killed at every stage of a job."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from autopq.observer import PHASES
from tests.app.aftermath import check_aftermath, phases_of_attempt, pid_of_attempt

pytestmark = pytest.mark.slow

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, serving: Any) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("target")) as service:
        yield service


@pytest.fixture(scope="module")
def uploaded(target: Any, table: Any) -> str:
    return str(target.upload(table))


@pytest.fixture(scope="module")
def usual_phases(target: Any, uploaded: str) -> list[str]:
    """Those of a job to which nothing happens."""
    job = target.finish(target.submit(uploaded, **target.long_config)["id"], 120)
    assert job["state"] == "succeeded", job
    return phases_of_attempt(target, job["id"], 1)


@pytest.mark.parametrize("phase", PHASES)
def test_worker_killed_in_each_phase(
    target: Any, uploaded: str, usual_phases: list[str], phase: str
) -> None:
    if phase not in usual_phases:
        pytest.skip("no phase of this job")
    job_id = target.submit(uploaded, **target.long_config)["id"]
    target.until(lambda: phase in phases_of_attempt(target, job_id, 1), f"phase {phase}")
    os.kill(pid_of_attempt(target, job_id, 1), signal.SIGKILL)
    ended = target.finish(job_id, 120)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
    assert target.states(job_id)[1] == ["lost", "succeeded"]
    assert phases_of_attempt(target, job_id, 2) == usual_phases
    check_aftermath(target)


def test_model_of_a_dead_attempt_is_never_visible(target: Any, uploaded: str) -> None:
    """The worker is killed when the model is on the disk and the row is not yet written."""
    job_id = target.submit(uploaded, **target.long_config)["id"]
    target.until(lambda: "refit" in phases_of_attempt(target, job_id, 1), "the last phase")
    with closing(sqlite3.connect(target.data_dir / "autopq.sqlite3")) as lock:
        lock.execute("BEGIN IMMEDIATE")  # so that the worker's last transaction waits
        model = target.data_dir / "models" / f"{job_id}-1"
        target.until(model.exists, "the model's files")
        os.kill(pid_of_attempt(target, job_id, 1), signal.SIGKILL)
        lock.rollback()
    ended = target.finish(job_id, 120)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
    assert not model.exists()
    assert target.rows("SELECT attempt FROM model WHERE job_id = ?", job_id) == [(2,)]
    check_aftermath(target)


def test_service_killed_between_commit_and_dispatch(make_service: Make, table: Any) -> None:
    service = make_service(poll_seconds=3)
    job = service.submit(service.upload(table))
    service.kill()
    assert service.states(job["id"]) == ("queued", [])
    service.start()
    ended = service.finish(job["id"])
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    check_aftermath(service)


def test_service_killed_while_it_serves_a_submission(make_service: Make, table: Any) -> None:
    """Whether the job was kept or not, sending it again under its key makes it one job."""
    service = make_service()
    dataset_id = service.upload(table)
    body = {"dataset_id": dataset_id, "config": service.config}
    headers = {"Idempotency-Key": "once"}
    with closing(sqlite3.connect(service.data_dir / "autopq.sqlite3")) as lock:
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(Exception, match="timed out"):
            service.http.post("/v1/jobs", json=body, headers=headers, timeout=3)
        service.kill()
        lock.rollback()
    service.start()
    ids = {service.http.post("/v1/jobs", json=body, headers=headers).json()["id"] for _ in range(2)}
    assert len(ids) == 1
    assert service.finish(ids.pop())["state"] == "succeeded"
    assert len(service.rows("SELECT id FROM job")) == 1
    check_aftermath(service)
