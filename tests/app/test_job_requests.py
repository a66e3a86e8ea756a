"""What may be asked of a job besides its config: repetition, order, a deadline."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.slow


class TestRerun:
    def test_with_changed_settings(self, service: Any, finished_job: Any) -> None:
        answer = service.http.post(finished_job["links"]["rerun"], json={"config": {"horizon": 12}})
        assert answer.status_code == 202, answer.text
        again = answer.json()
        assert answer.headers["Location"] == again["links"]["self"]
        assert again["rerun_of"] == finished_job["id"]
        assert again["config"] == finished_job["config"] | {"horizon": 12}
        assert service.finish(again["id"])["state"] == "succeeded"

    def test_unusable_settings(self, service: Any, finished_job: Any) -> None:
        for changes, field in (
            ({"horizon": 0}, "config.horizon"),
            ({"nonsense": 1}, "config.nonsense"),
            ({"target": "absent"}, "target"),
        ):
            answer = service.http.post(finished_job["links"]["rerun"], json={"config": changes})
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == field

    def test_unknown_job(self, service: Any) -> None:
        assert service.http.post("/v1/jobs/job_absent/rerun", json={}).status_code == 404


class TestDelete:
    def test_takes_rows_and_files_along(self, make_service: Any, table: Any) -> None:
        service = make_service(webhook_allow_private=True)
        job = service.finish(service.submit(service.upload(table))["id"])
        before = service.http.get("/v1/energy").json()["total"]["total_wh"]
        assert before > 0
        forecast = service.forecast(job["model_id"])
        assert service.http.delete(job["links"]["self"]).status_code == 204
        for link in filter(None, job["links"].values()):
            assert service.http.get(link).status_code in (404, 405), link
        assert service.http.get("/v1/jobs").json()["items"] == []
        for what in ("trial", "job_event", "leaderboard_row", "webhook"):
            assert service.rows(f"SELECT * FROM {what}") == []
        for folder in ("models", "logs"):
            files = (service.data_dir / folder).iterdir()
            assert [file for file in files if job["id"] in file.name] == []
        assert service.http.get("/v1/energy").json()["total"]["total_wh"] >= before
        assert service.http.get(f"/v1/forecasts/{forecast['id']}").status_code == 200
        assert service.http.delete(job["links"]["self"]).status_code == 404

    def test_not_while_it_runs(self, service: Any, dataset_id: str) -> None:
        job = service.submit(dataset_id, **service.long_config)
        assert service.http.delete(job["links"]["self"]).status_code == 409
        service.http.post(job["links"]["cancel"])
        service.finish(job["id"])
        assert service.http.delete(job["links"]["self"]).status_code == 204


class TestDeadline:
    def test_a_running_job_is_stopped(self, service: Any, dataset_id: str) -> None:
        soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
        body = {"dataset_id": dataset_id, "deadline": soon}
        body["config"] = service.config | service.long_config  # type: ignore[assignment]
        job = service.http.post("/v1/jobs", json=body).json()
        ended = service.finish(job["id"])
        assert ended["state"] == "failed"
        assert ended["error"]["type"] == "/problems/deadline-passed"
        assert ended["attempt"] <= 1
        service.until(lambda: not service.workers(), "the worker's end", 20)

    def test_a_past_one_is_refused(self, service: Any, dataset_id: str) -> None:
        body = {"dataset_id": dataset_id, "deadline": "2020-01-01T00:00:00Z"}
        body["config"] = service.config
        answer = service.http.post("/v1/jobs", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "deadline"

    @pytest.mark.parametrize(
        "when", ["2026-01-01T00:00:00", "tomorrow", "0001-01-01T00:00:00+23:00"]
    )
    def test_unusable_ones(self, service: Any, dataset_id: str, when: str) -> None:
        body = {"dataset_id": dataset_id, "deadline": when, "config": service.config}
        assert service.http.post("/v1/jobs", json=body).status_code == 422
