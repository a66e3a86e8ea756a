"""The whole service on PostgreSQL: real processes, real faults."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pandas as pd
import pytest
from fastapi.routing import iter_route_contexts

from app.core.schema import open_database
from app.main import create_app
from app.settings import Settings
from tests.app.aftermath import check_aftermath, phases_of_attempt, pid_of_attempt
from tests.app.conftest import Service
from tests.app.furniture import furnish
from tests.postgres import PostgresServer

OUTAGE_S = 30
Make = Callable[..., AbstractContextManager[Service]]


def under_way(service: Service, job_id: str, attempt: int = 1) -> bool:
    return bool(phases_of_attempt(service, job_id, attempt))


def test_a_job_and_a_forecast_over_http(
    postgres_url: str, serving: Make, table: pd.DataFrame
) -> None:
    with serving(postgres_url, max_concurrent_jobs=2) as service:
        dataset_id = service.upload(table)
        first = service.submit(dataset_id)
        second = service.submit(dataset_id, **service.long_config)
        service.until(lambda: service.job(second["id"])["state"] == "running", "the second job")
        service.http.post(second["links"]["cancel"]).raise_for_status()
        done = service.finish(first["id"])
        assert (done["state"], done["attempt"]) == ("succeeded", 1), done
        assert service.finish(second["id"])["state"] == "cancelled"
        forecast = service.forecast(done["model_id"], paths=20)
        assert forecast["state"] == "succeeded", forecast
        read = service.http.get(f"/v1/forecasts/{forecast['id']}?quantile_levels=0.1,0.9")
        assert read.status_code == 200, read.text
        assert "event: done" in service.http.get(done["links"]["events"]).text
        for group in ("day", "dataset", "forecaster", "training_method", "preset", "job"):
            summary = service.http.get("/v1/energy", params={"group_by": group}).json()
            assert summary["total"]["seconds"] > 0, summary
        preset = service.http.get("/v1/energy", params={"group_by": "preset"}).json()
        assert [row["key"] for row in preset["groups"]] == ["fast"]
        check_aftermath(service)


def test_a_killed_worker_is_tried_again_once(
    postgres_url: str, serving: Make, table: pd.DataFrame
) -> None:
    with serving(postgres_url) as service:
        dataset_id = service.upload(table)
        job_id = service.submit(dataset_id, **service.long_config)["id"]
        service.until(lambda: under_way(service, job_id), "the fit to be under way")
        os.kill(pid_of_attempt(service, job_id, 1), signal.SIGKILL)
        ended = service.finish(job_id, 180)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
        assert service.states(job_id)[1] == ["lost", "succeeded"]
        check_aftermath(service)


def test_a_killed_supervisor_is_replaced(
    postgres_url: str, serving: Make, table: pd.DataFrame
) -> None:
    with ExitStack() as running:
        first = running.enter_context(serving(postgres_url))
        second = running.enter_context(serving(postgres_url))
        job_id = first.submit(first.upload(table), **first.long_config)["id"]
        first.until(lambda: under_way(first, job_id), "the fit to be under way")
        first.kill()
        second.until(lambda: second.job(job_id)["attempt"] == 2, "the next supervisor")
        ended = second.finish(job_id, 180)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
        assert second.states(job_id)[1] == ["interrupted", "succeeded"]
        assert second.crashes(job_id) == 0
        check_aftermath(second)


def test_a_job_goes_on_while_the_server_is_stopped(
    own_postgres: PostgresServer, serving: Make, table: pd.DataFrame
) -> None:
    with serving(own_postgres.create_database()) as service:
        dataset_id = service.upload(table)
        job = service.submit(dataset_id, **service.long_config)
        service.until(lambda: under_way(service, job["id"]), "the fit to be under way")
        own_postgres.stop()
        until = time.monotonic() + OUTAGE_S
        answer = service.http.get(f"/v1/jobs/{job['id']}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert service.http.get("/readyz").status_code == 503
        time.sleep(max(0.0, until - time.monotonic()))
        own_postgres.start()
        service.until(lambda: service.http.get("/readyz").status_code == 200, "the database")
        ended = service.finish(job["id"], 180)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 1), ended
        trials = service.http.get(job["links"]["trials"]).json()["items"]
        names = [trial["name"] for trial in trials]
        assert sorted(set(names)) == sorted(names)  # none was written twice
        assert service.forecast(ended["model_id"])["state"] == "succeeded"
        check_aftermath(service)


def test_every_view_answers(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgres_url, supervise=False)

    async def ask() -> dict[str, httpx.Response]:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            database = open_database(settings.resolved_database_url)
            ids = furnish(database, settings.storage, "default", "default")
            ids |= {"key_id": "none", "name": "none", "asset": "none"}
            database.close()
            paths = [
                route.path.format(**ids)
                for route in iter_route_contexts(app.routes)
                if route.path and "GET" in (route.methods or ())
            ]
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return {path: await http.get(path) for path in paths}

    answers = asyncio.run(ask())
    assert len(answers) > 25
    failed = {path: answer.text for path, answer in answers.items() if answer.is_server_error}
    assert set(failed) == {"/readyz"}, failed  # nobody supervises


@pytest.mark.parametrize("path", ["/v1/jobs/%00", "/v1/datasets?name=%00"])
def test_what_cannot_be_stored_is_refused(postgres_url: str, tmp_path: Path, path: str) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgres_url, supervise=False)

    async def ask() -> httpx.Response:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.get(path)

    answer = asyncio.run(ask())
    assert answer.status_code == 422, answer.text
    assert "NUL" in answer.json()["errors"][0]["detail"]
