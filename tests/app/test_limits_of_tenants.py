"""Rates and quotas: what one tenant does must not be what others wait for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.accounts import service as accounts
from app.accounts.rates import Rates
from app.accounts.schemas import KeyCreate
from app.client import Client
from app.core.schema import open_database

Make = Callable[..., Any]
CSV = {"content": b"timestamp,y\n2024-01-01,1\n", "headers": {"Content-Type": "text/csv"}}


class TestRates:
    class Clock:
        at = 100.0

        def __call__(self) -> float:
            return self.at

    def test_a_burst_then_the_long_run(self) -> None:
        clock = self.Clock()
        rates = Rates(per_second=2, burst=3, clock=clock)
        assert [rates.take("key") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
        clock.at += 0.5
        assert [rates.take("key") for _ in range(2)] == [0, pytest.approx(0.5)]
        clock.at += 1000
        assert [rates.take("key") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]

    def test_keys_do_not_share(self) -> None:
        rates = Rates(per_second=1, burst=1, clock=self.Clock())
        assert rates.take("one") == 0
        assert rates.take("two") == 0
        assert rates.take("one") > 0


def key_of(data_dir: Path, tenant: str) -> dict[str, str]:
    database = open_database(f"sqlite:///{data_dir / 'autopq.sqlite3'}")
    with database.write() as session:
        owner = accounts.tenant_named(session, tenant)
        key = accounts.create_key(session, owner.id, KeyCreate(name=tenant)).key
    database.close()
    return {"Authorization": f"Bearer {key}"}


def test_too_many_requests_of_one_key(make_service: Make) -> None:
    service = make_service(
        supervise=False, ready=False, requests_per_second=0.01, requests_at_once=3
    )
    busy, calm = key_of(service.data_dir, "busy"), key_of(service.data_dir, "calm")
    answers = [service.http.get("/v1/jobs", headers=busy) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 100
    assert service.http.get("/v1/jobs", headers=calm).status_code == 200


def test_the_client_waits_for_a_moment(make_service: Make) -> None:
    service = make_service(supervise=False, ready=False, requests_per_second=2, requests_at_once=1)
    key = key_of(service.data_dir, "busy")["Authorization"].removeprefix("Bearer ")
    with Client(str(service.http.base_url), api_key=key) as client:
        for _ in range(3):
            assert client.jobs().items == []


def test_quotas(make_service: Make, table: Any) -> None:
    """Those of one tenant; another has its own."""
    csv = table.to_csv(index=False).encode()
    service = make_service(
        supervise=False, ready=False, max_queued_jobs=2, max_dataset_bytes=len(csv) + 10
    )
    http = service.http
    full, other = key_of(service.data_dir, "full"), key_of(service.data_dir, "other")

    upload = {"content": csv, "headers": full | CSV["headers"]}
    dataset = http.post("/v1/datasets", **upload).json()["id"]
    refused = http.post("/v1/datasets", **upload)
    assert refused.status_code == 403, refused.text
    assert refused.json()["type"] == "/problems/quota-exceeded"
    assert len(list((service.data_dir / "datasets").iterdir())) == 1
    assert not list((service.data_dir / "incoming").iterdir())

    body = {"dataset_id": dataset, "config": service.config}
    jobs = [http.post("/v1/jobs", json=body, headers=full) for _ in range(3)]
    assert [answer.status_code for answer in jobs] == [202, 202, 429]
    assert "retry-after" in jobs[-1].headers
    usage = http.get("/v1/usage", headers=full).json()
    assert usage["queued_jobs"] == {"used": 2, "limit": 2}
    assert usage["dataset_bytes"] == {"used": len(csv), "limit": len(csv) + 10}
    http.post(f"/v1/jobs/{jobs[0].json()['id']}/cancel", headers=full)
    assert http.post("/v1/jobs", json=body, headers=full).status_code == 202

    upload = {"content": csv, "headers": other | CSV["headers"]}
    assert http.post("/v1/datasets", **upload).status_code == 201


def test_many_at_once_do_not_pass_a_quota_together(make_service: Make) -> None:
    from concurrent.futures import ThreadPoolExecutor

    size = len(CSV["content"])
    service = make_service(supervise=False, ready=False, max_dataset_bytes=3 * size)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: service.http.post("/v1/datasets", **CSV), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 5
