"""Progress of a job, as rows, as server-sent events and in its own representation."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from autopq.observer import PHASES

pytestmark = pytest.mark.slow

Event = dict[str, Any]


def events(http: httpx.Client, job_id: str, last: int | None = None) -> Iterator[Event]:
    """The job's events until the stream ends, as an `EventSource` would see them."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        event: Event = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                event["data"] = json.loads(value)
            elif name in ("event", "id"):
                event[name] = value
            elif not line and event:
                yield event
                event = {}


def test_live_from_the_beginning_to_the_end(service: Any, dataset_id: str) -> None:
    job = service.submit(dataset_id)
    seen = list(events(service.http, job["id"]))
    ids = [int(event["id"]) for event in seen]
    assert ids[:-1] == sorted(set(ids[:-1]))
    states = [e["data"]["data"]["state"] for e in seen if e["event"] == "state"]
    assert states == ["queued", "running", "succeeded"]
    assert seen[-1] == {"event": "done", "id": str(ids[-2]), "data": {"state": "succeeded"}}
    phases = [e["data"]["data"]["phase"] for e in seen if e["event"] == "phase"]
    assert set(phases) <= set(PHASES)
    assert phases[0] == "audit"
    assert phases[-1] == "refit"
    progress = [e["data"]["data"]["progress"] for e in seen if e["event"] == "progress"]
    assert progress == sorted(progress)
    assert 0 < progress[-1] <= 1
    trials = [e["data"]["data"] for e in seen if e["event"] == "trial"]
    listed = service.http.get(job["links"]["trials"]).json()["items"]
    assert [trial["name"] for trial in trials] == [trial["name"] for trial in listed]


def test_resumes_behind_the_last_event_seen(service: Any, finished_job: Any) -> None:
    everything = list(events(service.http, finished_job["id"]))
    middle = len(everything) // 2
    last = int(everything[middle]["id"])
    assert list(events(service.http, finished_job["id"], last)) == everything[middle + 1 :]
    only_done = list(events(service.http, finished_job["id"], int(everything[-1]["id"])))
    assert [event["event"] for event in only_done] == ["done"]


def test_the_job_itself_tells_the_same(service: Any, finished_job: Any) -> None:
    trials = service.http.get(finished_job["links"]["trials"]).json()["items"]
    assert finished_job["trials"] == len(trials)
    best = finished_job["best"]
    rivals = [t["score"] for t in trials if t["phase"] == best["phase"] and t["score"] is not None]
    assert best["score"] == min(rivals)
    assert finished_job["eta_seconds"] is None


def test_unchanged_jobs_are_not_sent_again(service: Any, finished_job: Any) -> None:
    where = finished_job["links"]["self"]
    first = service.http.get(where)
    assert "Retry-After" not in first.headers
    again = service.http.get(where, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    sparse = service.http.get(where, params={"fields": "id,state"}).json()
    assert sparse == {"id": finished_job["id"], "state": "succeeded"}


def test_lists_by_dataset_and_time(service: Any, dataset_id: str, finished_job: Any) -> None:
    def listed(**which: str) -> set[str]:
        items = service.http.get("/v1/jobs", params={"limit": 100, **which}).json()["items"]
        return {item["id"] for item in items}

    at = finished_job["created_at"]
    assert finished_job["id"] in listed(dataset_id=dataset_id, state="succeeded")
    assert listed(dataset_id="ds_absent") == set()
    assert finished_job["id"] not in listed(created_after=at) | listed(created_before=at)
    assert finished_job["id"] in listed(created_after="2026-01-01T00:00:00+01:00")
    answer = service.http.get("/v1/jobs", params={"created_after": "2026-01-01T00:00:00"})
    assert answer.status_code == 422


def test_unknown_job_and_unusable_id(service: Any, finished_job: Any) -> None:
    assert service.http.get("/v1/jobs/job_absent/events").status_code == 404
    for header in ("x", "-1", str(2**64)):
        answer = service.http.get(
            f"/v1/jobs/{finished_job['id']}/events", headers={"Last-Event-ID": header}
        )
        assert answer.status_code == 422


def test_streams_are_capped_and_end_with_the_service(make_service: Any, table: Any) -> None:
    service = make_service(max_streams=1)
    job = service.submit(service.upload(table), **service.long_config)
    ended = threading.Event()
    began = threading.Event()

    def listen() -> None:
        with httpx.Client(base_url=service.http.base_url, timeout=120) as http:
            for _ in events(http, job["id"]):
                began.set()
        ended.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert began.wait(60)
    refused = service.http.get(job["links"]["events"])
    assert refused.status_code == 503
    assert "Retry-After" in refused.headers
    service.stop()
    assert ended.wait(60)
    thread.join()
