"""What holds when processes die: nothing is lost, nothing runs twice, nothing is left over."""

import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.app.aftermath import check_aftermath

Document = dict[str, Any]
Make = Callable[..., Any]

pytestmark = pytest.mark.slow


def start_long_job(service: Any, table: Any) -> tuple[Document, psutil.Process]:
    """A job that is at work, and its only worker process."""
    job = service.submit(service.upload(table), **service.long_config)
    service.until(lambda: service.job(job["id"])["phase"] == "select", "the fit to be under way")
    (worker,) = service.workers()
    return job, worker


def models_on_disk(service: Any) -> list[str]:
    return sorted(path.name for path in (service.data_dir / "models").iterdir())


def attempts_with_energy(service: Any, job_id: str) -> dict[int, float]:
    energy = service.http.get(f"/v1/jobs/{job_id}/energy").json()
    return {part["attempt"]: part["total_wh"] for part in energy["by_attempt"]}


def test_killed_worker_is_replaced_once(make_service: Make, table: Any) -> None:
    service = make_service()
    job, worker = start_long_job(service, table)
    worker.kill()
    ended = service.finish(job["id"], 120)
    assert ended["state"] == "succeeded", ended["error"]
    assert ended["attempt"] == 2
    assert models_on_disk(service) == [f"{job['id']}-2"]
    assert service.http.get(ended["links"]["model"]).status_code == 200
    energy = attempts_with_energy(service, job["id"])
    assert set(energy) == {1, 2}
    assert all(watt_hours > 0 for watt_hours in energy.values())
    check_aftermath(service)


def test_hung_worker_is_stopped_and_replaced(make_service: Make, table: Any) -> None:
    service = make_service(silence_seconds=30)
    job, worker = start_long_job(service, table)
    worker.suspend()
    service.until(lambda: not worker.is_running(), "the hung worker to be stopped", 120)
    service.until(lambda: service.job(job["id"])["attempt"] == 2, "another attempt")
    assert service.states(job["id"])[1][0] == "lost"
    service.http.post(job["links"]["cancel"])


def test_job_that_always_dies_fails_with_its_reason(make_service: Make, table: Any) -> None:
    service = make_service()
    job = service.submit(service.upload(table), **service.long_config)
    for attempt in (1, 2):
        service.until(
            lambda n=attempt: service.job(job["id"])["attempt"] == n and service.workers(),
            f"attempt {attempt}",
        )
        for worker in service.workers():
            worker.kill()
    ended = service.finish(job["id"])
    assert (ended["state"], ended["attempt"]) == ("failed", 2)
    assert "signal 9" in ended["error"]["detail"]
    assert ended["model_id"] is None
    assert models_on_disk(service) == []
    time.sleep(0.5)
    assert not service.workers()
    assert service.job(job["id"])["attempt"] == 2
    check_aftermath(service)


def test_cancel_frees_the_process(make_service: Make, table: Any) -> None:
    service = make_service()
    job, worker = start_long_job(service, table)
    waiting = service.submit(service.upload(table))
    assert service.http.post(waiting["links"]["cancel"]).json()["state"] == "cancelled"
    answer = service.http.post(job["links"]["cancel"])
    assert answer.status_code == 202
    assert answer.json()["state"] in ("cancelling", "cancelled")
    service.until(lambda: not worker.is_running() or not service.workers(), "the worker's end", 5)
    assert service.finish(job["id"])["state"] == "cancelled"
    assert service.http.post(job["links"]["cancel"]).status_code == 202
    assert models_on_disk(service) == []
    assert attempts_with_energy(service, job["id"])[1] > 0
    check_aftermath(service)


def test_killed_service_loses_nothing(make_service: Make, table: Any) -> None:
    service = make_service()
    job, worker = start_long_job(service, table)
    waiting = service.submit(service.upload(table))
    service.kill()
    service.until(lambda: not worker.is_running() or not service.workers(), "the orphan's end", 10)
    service.start()
    ended = service.finish(job["id"], 120)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
    assert len(models_on_disk(service)) >= 1
    assert service.crashes(job["id"]) == 0
    assert service.finish(waiting["id"])["state"] == "succeeded"
    assert service.crashes(waiting["id"]) == 0
    check_aftermath(service)


def test_stopped_service_hands_its_job_over(make_service: Make, table: Any) -> None:
    service = make_service()
    job, _ = start_long_job(service, table)
    service.stop()
    assert not service.workers()
    assert service.states(job["id"]) == ("queued", ["interrupted"])
    assert service.crashes(job["id"]) == 0


def test_two_services_on_one_database_have_one_supervisor(make_service: Make, table: Any) -> None:
    first, second = make_service(), make_service()
    jobs = [second.submit(first.upload(table)) for _ in range(2)]
    most = 0
    while any(second.job(job["id"])["state"] in ("queued", "running") for job in jobs):
        most = max(most, len(first.workers()))
    assert most == 1
    for job in jobs:
        ended = first.job(job["id"])
        assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    first.kill()
    job = second.submit(second.upload(table))
    assert second.finish(job["id"])["state"] == "succeeded"
    check_aftermath(second)


def test_dead_prediction_worker_is_replaced(make_service: Make, table: Any) -> None:
    service = make_service()
    job = service.finish(service.submit(service.upload(table))["id"])
    assert service.forecast(job["model_id"])["state"] == "succeeded"
    (worker,) = service.workers("app.forecasts.worker")
    worker.kill()
    assert service.forecast(job["model_id"])["state"] == "succeeded"
    service.stop()
    assert not service.workers("app.forecasts.worker")
