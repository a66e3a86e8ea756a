"""What an operator sees: request ids, logs, figures, and headers that browsers obey."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError
from starlette.types import Receive, Scope, Send

from app.core import migrations
from app.core.database import Database
from app.core.requests import RequestMiddleware, Served
from app.core.schema import open_database
from app.core.storage import Storage
from app.metrics.registry import Metrics
from tests.app.furniture import furnish

Make = Callable[..., Any]


class TestRequestIds:
    def test_every_answer_has_one(self, service: Any) -> None:
        paths = ("/healthz", "/v1/jobs", "/v1/jobs/x", "/nowhere")
        ids = [service.http.get(path).headers["x-request-id"] for path in paths]
        assert len(set(ids)) == len(paths)

    def test_a_callers_id_comes_back(self, service: Any) -> None:
        answer = service.http.get("/v1/jobs", headers={"X-Request-ID": "caller-7.1"})
        assert answer.headers["x-request-id"] == "caller-7.1"

    @pytest.mark.parametrize("unusable", ["", "two words", "x" * 129, "é", '{"a":1}'])
    def test_unusable_ones_are_replaced(self, service: Any, unusable: str) -> None:
        headers = {"X-Request-ID": unusable.encode()}
        answer = service.http.get("/v1/jobs", headers=headers)
        assert answer.headers["x-request-id"].startswith("req_")


def test_browsers_are_told_to_make_nothing_of_answers(service: Any) -> None:
    for path in ("/v1/jobs", "/v1/jobs/x", "/healthz"):
        headers = service.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


class TestLogs:
    @pytest.mark.slow
    def test_lines_are_json_and_tell_request_and_job(
        self, make_service: Make, table: Any, capfd: pytest.CaptureFixture[str]
    ) -> None:
        service = make_service()
        csv = table.to_csv(index=False)
        headers = {"Content-Type": "text/csv", "X-Request-ID": "mine"}
        dataset_id = service.http.post("/v1/datasets", content=csv, headers=headers).json()["id"]
        job = service.submit(dataset_id)
        service.finish(job["id"])
        service.stop()
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        (upload,) = (line for line in lines if line.get("request_id") == "mine")
        assert upload["event"] == "request"
        assert (upload["method"], upload["path"], upload["status"]) == ("POST", "/v1/datasets", 201)
        assert upload["location"] == f"/v1/datasets/{dataset_id}"
        assert upload["tenant"] == "default"
        assert any(line.get("job_id") == job["id"] for line in lines)
        assert not any(line.get("path") == "/readyz" for line in lines)
        assert any("Uvicorn running" in line["event"] for line in lines)


class TestUnexpectedErrors:
    @staticmethod
    def answer_to(error: Exception) -> tuple[httpx.Response, list[Served]]:
        """What a client gets when that is raised inside."""

        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            raise error

        observed: list[Served] = []

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(RequestMiddleware(broken, observed.append))
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
                return await http.get("/broken")

        return asyncio.run(ask()), observed

    def test_are_problems_that_tell_nothing(self) -> None:
        answer, observed = self.answer_to(KeyError("secret detail"))
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert "x-request-id" in answer.headers
        assert "secret" not in answer.text
        assert [served.status for served in observed] == [500]

    def test_a_database_that_does_not_answer_may_later(self) -> None:
        answer, _ = self.answer_to(OperationalError("SELECT 1", {}, Exception("locked")))
        assert answer.status_code == 503
        assert "retry-after" in answer.headers


def figures(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class TestMetrics:
    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        opened = open_database(f"sqlite:///{tmp_path / 'autopq.sqlite3'}")
        migrations.upgrade(opened.engine)
        yield opened
        opened.close()

    def test_jobs_queues_and_electricity(self, database: Database, tmp_path: Path) -> None:
        storage = Storage(tmp_path / "files")
        storage.prepare()
        metrics = Metrics()
        metrics.watch(database)
        empty = figures(metrics.exposition().decode())
        assert empty["autopq_jobs", (("state", "succeeded"),)] == 0
        assert empty["autopq_queue_age_seconds", (("queue", "jobs"),)] == 0
        furnish(database, storage, "default", "default")
        with database.write() as session:
            session.connection().exec_driver_sql(
                "UPDATE energy_ledger SET cpu_mj = 7200000000, measured = 1"
            )
            session.connection().exec_driver_sql(
                "UPDATE forecast SET state = 'queued', created_at = '2020-01-01 00:00:00.000000'"
            )
        for _ in range(2):  # what was counted is not counted again
            found = figures(metrics.exposition().decode())
            assert found["autopq_jobs", (("state", "succeeded"),)] == 1
            assert found["autopq_forecasts", (("state", "queued"),)] == 1
            assert found["autopq_queue_age_seconds", (("queue", "forecasts"),)] > 1e8
            assert found["autopq_energy_kwh_total", (("method", "measured"),)] == pytest.approx(2)
            assert found["autopq_supervised", ()] == 0

    def test_requests_by_route(self, service: Any) -> None:
        def count(found: Any, route: str, status: str) -> float:
            labels = (("method", "GET"), ("route", route), ("status", status))
            return found.get(("autopq_http_request_duration_seconds_count", labels), 0)

        def scrape() -> Any:
            answer: httpx.Response = service.http.get("/metrics")
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/plain")
            return figures(answer.text)

        before = scrape()
        for path in ("/v1/jobs/one", "/v1/jobs/two", "/nowhere/one", "/nowhere/two"):
            service.http.get(path)
        after = scrape()
        for route in ("/v1/jobs/{job_id}", "none"):
            assert count(after, route, "404") == count(before, route, "404") + 2
        assert after["autopq_supervised", ()] == 1
