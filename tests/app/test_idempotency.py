"""A request that is sent twice under one `Idempotency-Key` has its effect once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pandas as pd
import pytest
from sqlalchemy import update

from app.core import idempotency
from app.core.clock import now
from app.core.database import Database
from app.core.idempotency import KEPT_FOR, IdempotencyKeyRow
from app.core.schema import open_database

Serving = Callable[..., AbstractContextManager[Any]]
CSV = {"Content-Type": "text/csv"}
TABLE = b"timestamp,load\n" + b"".join(
    f"2026-01-{day:02}T{hour:02}:00Z,{hour}\n".encode()
    for day in range(1, 29)
    for hour in range(24)
)
CONFIG = {"target": "load", "horizon": 24, "preset": "fast"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Any]:
    """The API alone: jobs that are queued stay queued."""
    with serving(tmp_path_factory.mktemp("api"), ready=False, supervise=False) as service:
        yield service


@pytest.fixture(scope="module")
def http(api: Any) -> httpx.Client:
    return api.http


@pytest.fixture(scope="module")
def uploaded(http: httpx.Client) -> str:
    return str(http.post("/v1/datasets", content=TABLE, headers=CSV).json()["id"])


def submit(http: httpx.Client, key: str, dataset_id: str, **config: object) -> httpx.Response:
    body = {"dataset_id": dataset_id, "config": CONFIG | config}
    return http.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})


def count(http: httpx.Client, what: str) -> int:
    return len(http.get(f"/v1/{what}", params={"limit": 100}).json()["items"])


def test_again_is_answered_alike(http: httpx.Client, uploaded: str) -> None:
    key, before = uuid4().hex, count(http, "jobs")
    first, second = (submit(http, key, uploaded) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first.headers["Location"] == second.headers["Location"]
    assert first.headers["Retry-After"] == second.headers["Retry-After"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert count(http, "jobs") == before + 1


def test_spelling_of_json_does_not_matter(http: httpx.Client, uploaded: str) -> None:
    headers = {"Idempotency-Key": uuid4().hex, "Content-Type": "application/json"}
    bodies = (
        f'{{"dataset_id": "{uploaded}", "config": {{"target": "load", "horizon": 24}}}}',
        f'{{"config":{{"horizon":24,"target":"load"}},"dataset_id":"{uploaded}"}}',
    )
    ids = {http.post("/v1/jobs", content=body, headers=headers).json()["id"] for body in bodies}
    assert len(ids) == 1


def test_another_body_is_refused(http: httpx.Client, uploaded: str) -> None:
    key = uuid4().hex
    submit(http, key, uploaded)
    refused = submit(http, key, uploaded, horizon=12)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_refused_request_leaves_its_key_free(http: httpx.Client, uploaded: str) -> None:
    key = uuid4().hex
    assert submit(http, key, uploaded, target="absent").status_code == 422
    assert submit(http, key, uploaded).status_code == 202


@pytest.mark.parametrize("key", ["", "a b", "k" * 256])
def test_unusable_keys(http: httpx.Client, uploaded: str, key: str) -> None:
    assert submit(http, key, uploaded).status_code == 422


def test_uploads(http: httpx.Client) -> None:
    headers, before = CSV | {"Idempotency-Key": uuid4().hex}, count(http, "datasets")
    first, second = (http.post("/v1/datasets", content=TABLE, headers=headers) for _ in "12")
    assert first.json() == second.json()
    assert second.status_code == 201
    other = http.post("/v1/datasets", content=TABLE + b"2026-02-01T00:00Z,1\n", headers=headers)
    assert other.status_code == 422
    assert count(http, "datasets") == before + 1


@pytest.fixture
def database(api: Any) -> Iterator[Database]:
    """The service's own, past the service."""
    opened = open_database(f"sqlite:///{api.data_dir / 'autopq.sqlite3'}")
    yield opened
    opened.close()


def test_a_key_lasts_a_day(http: httpx.Client, uploaded: str, database: Database) -> None:
    key = uuid4().hex
    first = submit(http, key, uploaded).json()["id"]
    with database.write() as session:
        idempotency.purge(session, now())
    assert submit(http, key, uploaded).json()["id"] == first
    with database.write() as session:
        past = now() - timedelta(seconds=1)
        mine = update(IdempotencyKeyRow).where(IdempotencyKeyRow.key == key)
        session.execute(mine.values(expires_at=past))
    second = submit(http, key, uploaded).json()["id"]
    assert second != first
    assert submit(http, key, uploaded).json()["id"] == second
    with database.write() as session:
        idempotency.purge(session, now() + KEPT_FOR + timedelta(seconds=1))
    assert submit(http, key, uploaded).json()["id"] != second


def settled(http: httpx.Client, key: str, dataset_id: str) -> str:
    """Send until the answer is not that the same request is being served."""
    while (answer := submit(http, key, dataset_id)).status_code == 409:
        assert "Retry-After" in answer.headers
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_twice_at_once_is_one_job(http: httpx.Client, uploaded: str) -> None:
    before = count(http, "jobs")
    with ThreadPoolExecutor(8) as pool:
        for key in (uuid4().hex for _ in range(5)):
            ids = set(pool.map(lambda _, k=key: settled(http, k, uploaded), range(8)))
            assert len(ids) == 1
    assert count(http, "jobs") == before + 5


def test_at_once_by_two_processes_is_one_job(
    api: Any, http: httpx.Client, uploaded: str, serving: Serving
) -> None:
    """Each process has in-flight keys of its own, so only the database can tell."""
    before = count(http, "jobs")
    with (
        serving(api.data_dir, ready=False, supervise=False) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        for key in (uuid4().hex for _ in range(5)):
            clients = (http, other.http)
            ids = set(pool.map(lambda client, k=key: settled(client, k, uploaded), clients))
            assert len(ids) == 1
    assert count(http, "jobs") == before + 5


@pytest.mark.slow
def test_forecasts(service: Any, finished_job: Any, table: pd.DataFrame) -> None:
    where = f"/v1/models/{finished_job['model_id']}/forecasts"
    headers = {"Idempotency-Key": uuid4().hex}
    ids = {service.http.post(where, json={}, headers=headers).json()["id"] for _ in range(2)}
    assert len(ids) == 1
    other = service.http.post(where, json={"paths": 7}, headers=headers)
    assert other.status_code == 422
