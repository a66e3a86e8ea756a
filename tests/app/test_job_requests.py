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
