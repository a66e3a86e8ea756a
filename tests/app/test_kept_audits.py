"""Many jobs over one table take one audit, as `/metrics` tells, and never another table's."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.accounts import service as accounts
from app.accounts.schemas import KeyCreate
from app.checks.kept_audits import KeptAudits
from app.core.schema import open_database

Document = dict[str, Any]
Serving = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Any]:
    """The API alone: jobs that are queued stay queued."""
    with serving(tmp_path_factory.mktemp("api"), ready=False, supervise=False) as service:
        yield service


@pytest.fixture
def uploaded(api: Any, table: pd.DataFrame) -> str:
    return str(api.upload(table))


def audits(http: httpx.Client) -> float:
    """How many were made so far."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(http.get("/metrics").text)
        for sample in family.samples
        if sample.name == "autopq_table_check_duration_seconds_count"
        and sample.labels["task"] == "audit"
    )


def rows_of(api: Any, job: Document) -> int:
    return int(api.http.get(job["links"]["audit"]).json()["audit"]["rows"])


def test_jobs_over_one_table_take_one_audit(api: Any, uploaded: str) -> None:
    before = audits(api.http)
    jobs = [api.submit(uploaded, seed=seed) for seed in range(3)]
    jobs.append(api.submit(uploaded, preset="default", quantile_levels=[0.5], max_trials=2))
    told = [api.http.get(job["links"]["audit"]).json()["audit"] for job in jobs]
    assert all(audit == told[0] for audit in told)
    config = {"config": api.config}
    assert api.http.post(f"/v1/datasets/{uploaded}/audit", json=config).json() == told[0]
    assert audits(api.http) == before + 1


def test_what_an_audit_looks_at_has_it_made_again(api: Any, uploaded: str) -> None:
    before = audits(api.http)
    first, second = api.submit(uploaded), api.submit(uploaded, known_covariates=[])
    assert audits(api.http) == before + 2
    told = [api.http.get(job["links"]["audit"]).json()["audit"] for job in (first, second)]
    assert [audit["known_covariates"] for audit in told] == [["temperature"], []]


def test_a_refusal_is_told_again(api: Any, uploaded: str) -> None:
    body = {"dataset_id": uploaded, "config": {"target": "absent"}}
    first, second = (api.http.post("/v1/jobs", json=body) for _ in range(2))
    assert first.status_code == second.status_code == 422
    assert first.json() == second.json()


def test_a_new_version_is_audited_and_the_old_one_stays_known(
    api: Any, uploaded: str, table: pd.DataFrame
) -> None:
    first = api.submit(uploaded)
    day = pd.date_range(table["timestamp"].iloc[-1], periods=25, freq="h")[1:]
    columns = {"timestamp": [stamp.isoformat() for stamp in day], "load": [50.0] * 24}
    grown = api.http.post(
        f"/v1/datasets/{uploaded}/rows",
        json={"columns": columns | {"temperature": [3.0] * 24}},
    )
    assert grown.status_code == 201, grown.text
    before = audits(api.http)
    assert rows_of(api, api.submit(uploaded)) == rows_of(api, first) + 24
    assert audits(api.http) == before + 1
    body = {"dataset_id": uploaded, "dataset_version": 1, "config": api.config}
    of_first = api.http.post("/v1/jobs", json=body).json()
    assert rows_of(api, of_first) == rows_of(api, first)
    assert audits(api.http) == before + 1


def test_a_deleted_table_is_gone(api: Any, uploaded: str) -> None:
    job = api.submit(uploaded)
    api.http.post(job["links"]["cancel"])
    assert api.http.delete(f"/v1/datasets/{uploaded}").status_code == 204
    body = {"dataset_id": uploaded, "config": api.config}
    assert api.http.post("/v1/jobs", json=body).status_code == 404


def test_another_tenant_learns_nothing(api: Any, uploaded: str) -> None:
    """Last in this file: with the first key the service is no longer open."""
    database = open_database(api.database_url)
    with database.write() as session:
        stranger = accounts.tenant_named(session, "stranger").id
        owner, other = (
            accounts.create_key(session, tenant, KeyCreate(name="key")).key
            for tenant in ("default", stranger)
        )
    database.close()
    body = {"dataset_id": uploaded, "config": api.config}
    statuses = [
        api.http.post("/v1/jobs", json=body, headers={"Authorization": f"Bearer {key}"}).status_code
        for key in (owner, other)
    ]
    assert statuses == [202, 404]


def test_those_asked_for_last_are_kept() -> None:
    kept = KeptAudits(4000)
    for name in "abcde":
        kept.put(name, {"name": name, "stretches": ["x" * 400]})
        assert kept.get("a") is not None
    assert [name for name in "abcde" if kept.get(name) is None] == ["b"]
    kept.put("large", {"name": "x" * 1000})
    assert kept.get("large") is None
    assert kept.get("a") == {"name": "a", "stretches": ["x" * 400]}
