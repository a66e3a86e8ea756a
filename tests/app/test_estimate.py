"""Estimates of what a job will take, from jobs of the past."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core import migrations
from app.core.database import Database
from app.core.errors import InvalidRequestError
from app.core.schema import open_database
from app.datasets.tables import DatasetRow, DatasetVersionRow
from app.energy import ledger
from app.energy import service as energy
from app.energy.book import Cause, HostBook
from app.energy.estimate import Past, estimate
from app.energy.limits import check_against
from app.energy.schemas import Estimate
from app.jobs.tables import AttemptRow, JobRow
from autopq.energy import EnergyRow
from autopq.energy.host_meter import Interval, Parts
from autopq.energy.source import SyntheticSource

FAST = {"preset": "fast", "horizon": 24, "forecasters": None}


def past(energy_wh: float, rows: int = 1000, **config: Any) -> Past:
    return Past(FAST | config, rows, energy_wh, 10 * energy_wh, energy_wh / 4, 2.5 * energy_wh)


def test_without_jobs_nothing_is_estimated() -> None:
    found = estimate(FAST, 1000, [])
    assert found.basis == "none"
    assert found.energy_wh is None
    assert found.minimum_energy_wh is None


def test_jobs_of_the_same_task_are_averaged_with_an_interval() -> None:
    found = estimate(FAST, 1000, [past(1.0), past(1.1), past(0.9), past(50.0, horizon=48)])
    assert (found.basis, found.jobs) == ("same_task", 3)
    assert found.energy_wh.expected == pytest.approx(1.0, rel=0.02)
    assert found.energy_wh.low < 0.9 < 1.1 < found.energy_wh.high < 2.0
    assert found.seconds.expected == pytest.approx(10.0, rel=0.02)
    assert found.minimum_energy_wh == pytest.approx(0.25 * 1.2, rel=0.02)


def test_more_jobs_narrow_the_interval_and_one_alone_is_wide() -> None:
    def width(count: int) -> float:
        found = estimate(FAST, 1000, [past(1.0)] * count)
        return found.energy_wh.high / found.energy_wh.low

    assert width(1) > width(2) > width(4) > width(40) > 1.5


def test_another_size_lies_between_constant_and_proportional() -> None:
    found = estimate(FAST, 4000, [past(1.0)] * 20)
    assert found.basis == "same_settings"
    assert found.energy_wh.expected == pytest.approx(2.0)
    assert found.energy_wh.low < 1.0
    assert found.energy_wh.high > 4.0


def test_other_settings_of_the_preset_say_little() -> None:
    found = estimate(FAST | {"horizon": 96}, 1000, [past(1.0)] * 20)
    assert found.basis == "same_preset"
    assert found.energy_wh.high / found.energy_wh.low > 4
    assert estimate({"preset": "default"}, 1000, [past(1.0)]).basis == "none"


def test_a_limit_below_the_minimum_is_refused_by_name() -> None:
    found = estimate(FAST, 1000, [past(4.0)] * 5)  # at least 1 Wh and 10 seconds, with headroom
    check_against(FAST | {"energy_limit_wh": 1.3, "time_limit": 13.0}, found)
    with pytest.raises(InvalidRequestError) as refused:
        check_against(FAST | {"energy_limit_wh": 0.5}, found)
    [finding] = refused.value.findings
    assert finding.field == "energy_limit_wh"
    assert "Allow 1.2 Wh or more" in finding.mend
    with pytest.raises(InvalidRequestError, match="12 "):
        check_against(FAST | {"time_limit": 3.0}, found)


def test_limits_bound_the_estimate_and_jobs_with_limits_count_only_alone() -> None:
    free, short = [past(4.0)] * 3, [past(1.0, energy_limit_wh=1.0)] * 3
    assert estimate(FAST, 1000, free + short).energy_wh.expected == pytest.approx(4.0)
    assert estimate(FAST, 1000, short).energy_wh.expected == pytest.approx(1.0)
    assert estimate(FAST | {"energy_limit_wh": 2.0}, 1000, free).energy_wh.high == 2.0


def test_jobs_of_other_settings_refuse_none() -> None:
    found = estimate(FAST | {"horizon": 96}, 1000, [past(4.0)])
    assert found.basis == "same_preset"
    check_against(FAST | {"energy_limit_wh": 1e-6}, found)
    check_against(FAST | {"energy_limit_wh": 1e-6}, estimate(FAST, 1000, []))


@pytest.mark.slow
def test_over_http(service: Any, finished_job: dict[str, Any], dataset_id: str) -> None:
    body = {"dataset_id": dataset_id, "config": finished_job["config"]}
    before = len(service.http.get("/v1/jobs").json()["items"])
    service.until(
        lambda: service.http.post("/v1/jobs:estimate", json=body).json()["basis"] == "same_task",
        "the job in the book of its machine",
    )
    found = service.http.post("/v1/jobs:estimate", json=body).json()
    took = service.http.get(finished_job["links"]["energy"]).json()["total"]["total_wh"]
    assert found["energy_wh"]["low"] < took < found["energy_wh"]["high"]
    assert 0 < found["minimum_energy_wh"] < found["energy_wh"]["high"]
    assert len(service.http.get("/v1/jobs").json()["items"]) == before
    limits = {"energy_limit_wh": "minimum_energy_wh", "time_limit": "minimum_seconds"}
    for limit, minimum in limits.items():
        short = body["config"] | {limit: found[minimum] / 2}
        refused = service.http.post("/v1/jobs", json=body | {"config": short})
        assert refused.status_code == 422
        assert limit in refused.text
        assert f"{found[minimum]:.3g}" in refused.text
    unknown = service.http.post("/v1/jobs:estimate", json=body | {"dataset_id": "ds_none"})
    assert unknown.status_code == 404


def test_a_minimum_is_rounded_up_so_that_who_types_it_is_not_refused() -> None:
    found = estimate(FAST, 1000, [past(0.4937)])
    assert found.minimum_energy_wh is not None
    shown = f"{found.minimum_energy_wh:.3g}"
    assert float(shown) == found.minimum_energy_wh >= 0.4937 / 4
    check_against(FAST | {"energy_limit_wh": float(shown)}, found)
    with pytest.raises(InvalidRequestError, match=shown):
        check_against(FAST | {"energy_limit_wh": float(shown) * 0.999}, found)


BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def row(phase: str, trial: str | None, cpu_mj: int, **labels: str) -> EnergyRow:
    named = dict.fromkeys(("forecaster", "quantile_model", "training_method")) | labels
    return EnergyRow(
        started_at=BEGAN,
        ended_at=BEGAN + timedelta(seconds=1),
        phase=phase,
        trial=trial,
        cpu_mj=cpu_mj,
        gpu_mj=0,
        ram_mj=0,
        provenance=SyntheticSource(time.monotonic).provenance(),
        **named,
    )


REFERENCE = {"forecaster": "seasonal_naive", "quantile_model": "residual"}
WORKED = [
    row("prepare", None, 1000),
    row("select", "seasonal_naive", 10, forecaster="seasonal_naive"),
    row("select", "mlp", 90_000, forecaster="mlp"),
    row("evaluate", "seasonal_naive+residual/score", 200, **REFERENCE),
    row("evaluate", "mlp+residual/score", 300, forecaster="mlp", quantile_model="residual"),
    row("calibrate", None, 400),
    row("calibrate", "recent forecasts", 50_000),
    row("calibrate", "importance", 60_000),
    row("refit", "mlp/refit", 70_000, forecaster="mlp"),
]
LEAST_MJ = 1000 + 10 + 2 * 200 + 2 * 400


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """With a job that succeeded, and the rows that its worker left."""
    opened = open_database(f"sqlite:///{tmp_path}/test.sqlite3")
    migrations.upgrade(opened.engine)
    table = {
        "created_at": BEGAN,
        "media_type": "text/csv",
        "size_bytes": 1,
        "sha256": "0",
        "rows": 1000,
        "inspection": {},
    }
    job = JobRow(
        tenant_id="default",
        id="job",
        dataset_id="ds",
        dataset_version=1,
        config=FAST,
        audit={},
        state="succeeded",
        progress=1.0,
        message="",
        attempt=1,
        crashes=0,
        created_at=BEGAN,
    )
    ended = BEGAN + timedelta(seconds=10)
    attempt = AttemptRow(
        job_id="job", number=1, state="succeeded", started_at=BEGAN, ended_at=ended
    )
    with opened.write() as session:
        session.add(DatasetRow(tenant_id="default", id="ds", **table))
        session.flush()
        session.add(DatasetVersionRow(dataset_id="ds", version=1, added=1, replaced=0, **table))
        session.flush()
        session.add(job)
        session.flush()
        session.add(attempt)
        ledger.append(session, WORKED, job_id="job", attempt=1)
    yield opened
    opened.close()


def test_a_job_counts_once_its_electricity_is_settled(database: Database) -> None:
    cause = Cause("attempt", "job", 1)
    book = HostBook(database, "here", SyntheticSource(time.monotonic).provenance())

    def metered(cpu_mj: int) -> Interval[Cause]:
        share, rest = Parts(cpu_mj=cpu_mj), Parts(cpu_mj=5000)
        return Interval(1.0, share + rest, {cause: share}, rest, frozenset())

    def estimated() -> Estimate:
        with database.read() as session:
            return energy.estimate_of(session, FAST, 1000)

    named = sum(row.cpu_mj for row in WORKED)
    book.add(metered(named - 100))
    book.write()
    assert estimated().basis == "none", "its last share of the machine is still to come"
    book.add(metered(700))
    book.write([cause])
    found = estimated()
    assert found.basis == "same_task"
    assert found.energy_wh is not None
    assert found.energy_wh.expected == pytest.approx((named + 600) / 3.6e6)
    # What no row named is overhead, which the minimum holds; a fifth more is allowed for.
    assert found.minimum_energy_wh == pytest.approx(1.2 * (LEAST_MJ + 600) / 3.6e6, rel=0.01)
    assert found.minimum_seconds == pytest.approx(1.2 * 6, rel=0.01)
