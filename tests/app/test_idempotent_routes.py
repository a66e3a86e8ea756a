"""Every POST that makes something makes it once a key.

The cases come from the router table: a POST either says that it takes an `Idempotency-Key`, and is
then sent twice, or is listed below with why sending it twice does no harm.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pandas as pd
import pytest

from app.accounts import service as accounts
from app.accounts.schemas import KeyCreate
from app.core.principal import SCOPES
from app.core.schema import open_database
from app.main import create_app
from app.settings import Settings

Document = dict[str, Any]
Serving = Callable[..., AbstractContextManager[Any]]

MAKES_NOTHING = {
    "/v1/datasets/{dataset_id}/audit",
    "/v1/jobs:estimate",
    "/v1/models/{model_id}/monitoring",
}
SAME_AGAIN = {  # what they bring about stays so
    "/v1/jobs/{job_id}/cancel",
    "/v1/models/{model_id}/promote",
}
SHOWS_A_SECRET = {"/v1/keys", "/v1/webhook-secret"}
MADE = ("dataset", "dataset_version", "job", "forecast", "api_key")


def posts() -> dict[str, bool]:
    """Whether each takes a key."""
    paths = create_app(Settings()).openapi()["paths"]
    return {
        path: any(
            parameter["name"] == "Idempotency-Key"
            for parameter in operations["post"].get("parameters", ())
        )
        for path, operations in paths.items()
        if "post" in operations
    }


POSTS = posts()


def test_every_post_that_makes_something_takes_a_key() -> None:
    without = {path for path, takes in POSTS.items() if not takes}
    assert without == MAKES_NOTHING | SAME_AGAIN, "take `Once`, or say why not"


class House:
    """A service with a key, and one of everything that requests refer to."""

    def __init__(self, service: Any) -> None:
        database = open_database(service.database_url)
        with database.write() as session:
            request = KeyCreate(name="owner", scopes=list(SCOPES))
            key = accounts.create_key(session, "default", request).key
        database.close()
        self.data_dir = service.data_dir
        self.http: httpx.Client = service.http
        self.http.headers["Authorization"] = f"Bearer {key}"
        hours = np.arange(400)
        self.stamps = pd.date_range("2026-01-01", periods=401, freq="h").strftime("%FT%H:00Z")
        self.load = (100 + 20 * np.sin(hours / 24 * 2 * np.pi)).round(2)
        self.dataset_id = service.upload(pd.DataFrame({"ds": self.stamps[:-1], "y": self.load}))
        self.config = {
            "horizon": 6,
            "preset": "fast",
            "forecasters": ["seasonal_naive"],
            "quantile_models": ["residual"],
        }
        body = {"dataset_id": self.dataset_id, "config": self.config}
        job = service.finish(self.http.post("/v1/jobs", json=body).json()["id"])
        self.ids = {name: job[name] for name in ("dataset_id", "model_id")} | {"job_id": job["id"]}

    def requests(self) -> dict[str, tuple[Document, Document]]:
        """For each path a request, and another one."""
        rows = {"columns": {"ds": [self.stamps[-1]], "y": [100.0]}}
        other_rows = {"columns": {"ds": [self.stamps[-1]], "y": [120.0]}}
        body = {"dataset_id": self.dataset_id, "config": self.config}
        series = {
            "type": "univariate_time_series",
            "name": "a",
            "series": self.load[-200:].tolist(),
            "frequency": "H",
            "start_timestamp": "2026-03-01T00:00:00Z",
        }
        ahead = {"model": self.ids["model_id"], "inputs": [series], "options": {"horizon": 6}}
        return {
            "/v1/datasets": ({"json": rows}, {"json": other_rows}),
            "/v1/datasets/{dataset_id}/rows": ({"json": rows}, {"json": other_rows}),
            "/v1/jobs": ({"json": body}, {"json": {**body, "priority": 1}}),
            "/v1/jobs/{job_id}/rerun": ({"json": {}}, {"json": {"priority": 1}}),
            "/v1/models/{model_id}/updates": ({"json": {}}, {"json": {"priority": 1}}),
            "/v1/models/{model_id}/forecasts": ({"json": {}}, {"json": {"paths": 7}}),
            "/v1/keys": ({"json": {"name": "one"}}, {"json": {"name": "other"}}),
            "/v1/webhook-secret": ({}, {"params": {"another": "request"}}),
            "/v1/timeseries/forecast": (
                {"json": ahead},
                {"json": {**ahead, "options": {"horizon": 5}}},
            ),
        }

    def post(self, path: str, key: str | None, request: Document) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.http.post(path.format(**self.ids), headers=headers, timeout=120, **request)

    def things(self) -> dict[str, Any]:
        """What requests make, in the database and on the disk."""
        with closing(sqlite3.connect(self.data_dir / "autopq.sqlite3")) as connection:
            made = {
                table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()
                for table in MADE
            }
            made["secrets"] = connection.execute("SELECT secret FROM webhook_secret").fetchall()
        return {**made, "datasets": sorted(p.name for p in (self.data_dir / "datasets").iterdir())}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[House]:
    with serving(tmp_path_factory.mktemp("house")) as service:
        yield House(service)


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path, takes in POSTS.items() if takes])
def test_the_same_request_twice_makes_one(house: House, path: str) -> None:
    assert path in house.requests(), "say what makes one"
    request, other = house.requests()[path]
    key, before = uuid4().hex, house.things()
    first = house.post(path, key, request)
    assert first.is_success, first.text
    made = house.things()
    assert made != before
    again = house.post(path, key, request)
    assert house.things() == made
    if path in SHOWS_A_SECRET:
        assert again.status_code == 409
        assert again.headers["content-type"] == "application/problem+json"
        assert again.headers.get("location") == first.headers.get("location")
    else:
        assert again.status_code == first.status_code
        assert again.json() | {"created_at": 0} == first.json() | {"created_at": 0}
    refused = house.post(path, key, other)
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    assert house.things() == made
    assert house.post(path, None, other).is_success
    assert house.things() != made


@pytest.mark.slow
def test_a_fit_that_an_answer_did_not_wait_for_is_taken_up(house: House) -> None:
    """The fast preset makes a dataset, a job and a forecast; each of them once."""
    series = {"type": "univariate_time_series", "name": "a", "frequency": "H"}
    inputs = [series | {"series": house.load.tolist()}]
    request: Document = {"json": {"model": "fast", "inputs": inputs, "options": {"horizon": 3}}}
    key = uuid4().hex
    with pytest.raises(httpx.ReadTimeout):
        house.http.post(
            "/v1/timeseries/forecast", headers={"Idempotency-Key": key}, timeout=1, **request
        )
    found: Document = {}
    while found.get("status") != "completed":  # 409 while the first is still being served
        time.sleep(0.5)
        found = house.post("/v1/timeseries/forecast", key, request).json()
    made = house.things()
    again = house.post("/v1/timeseries/forecast", key, request).json()
    assert (again["id"], again["outputs"]) == (found["id"], found["outputs"])
    assert house.things() == made


@pytest.mark.slow
def test_secrets_are_kept_nowhere(house: House) -> None:
    key = uuid4().hex
    shown = house.post("/v1/keys", key, {"json": {"name": "shown"}}).json()["key"]
    refused = house.post("/v1/keys", key, {"json": {"name": "shown"}})
    assert shown.rpartition("_")[2] not in refused.text
    assert house.http.get(refused.headers["location"]).json()["name"] == "shown"
    with closing(sqlite3.connect(house.data_dir / "autopq.sqlite3")) as connection:
        kept = connection.execute("SELECT * FROM idempotency_key").fetchall()
    assert shown.rpartition("_")[2] not in str(kept)
