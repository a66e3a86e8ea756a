"""One meter for the machine: jobs that run at once share its figure to the last millijoule."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import func, select

from app.core.database import Database
from app.core.schema import open_database
from app.energy import repository
from app.energy.metering import board_path
from app.energy.tables import EnergyLedgerRow, HostEnergyRow, HostEnergyShareRow
from app.settings import Settings
from autopq.energy.board import Board
from autopq.energy.host_meter import PARTS, Parts, Rates
from autopq.energy.source import SyntheticSource

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def of(row: Any) -> Parts:
    return Parts(*(getattr(row, name) for name in PARTS))


@pytest.fixture
def machine(make_service: Callable[..., Any], table: pd.DataFrame, tmp_path: Path) -> Database:
    """The database of a service that was stopped after two jobs at once, one that was killed and
    started again, and a forecast."""
    service = make_service(max_concurrent_jobs=2, energy_sample_seconds=0.3)
    dataset_id = service.upload(table)
    long = service.submit(dataset_id, **service.long_config)
    service.until(lambda: service.workers(), "a worker")
    service.until(
        lambda: service.http.get(f"/v1/jobs/{long['id']}/energy").json()["total"]["total_wh"] > 0,
        "the first energy",
    )
    service.workers()[0].kill()
    jobs = [service.submit(dataset_id) for _ in range(2)]
    for job in jobs:
        assert service.finish(job["id"], 200)["state"] == "succeeded"
    service.forecast(service.job(jobs[0]["id"])["model_id"])
    assert service.finish(long["id"], 200)["state"] == "succeeded"
    assert service.http.get(f"/v1/jobs/{long['id']}").json()["attempt"] == 2
    service.stop()
    return open_database(f"sqlite:///{tmp_path / 'data' / 'autopq.sqlite3'}")


def test_every_millijoule_of_the_machine_has_one_cause(machine: Database, tmp_path: Path) -> None:
    with machine.read() as session:
        pages = session.scalars(select(HostEnergyRow)).all()
        shares = session.scalars(select(HostEnergyShareRow)).all()
        assert pages
        for page in pages:
            assert of(page) == Parts.sum(of(s) for s in shares if s.host_energy_id == page.id)
            assert page.seconds > 0
            assert page.cpu_method
        assert {share.kind for share in shares} == {"attempt", "forecasts", "service", "rest"}
        assert all(getattr(share, name) >= 0 for share in shares for name in PARTS)

        attempts = {(share.job_id, share.attempt) for share in shares if share.kind == "attempt"}
        assert len(attempts) == 4
        for job_id, attempt in attempts:
            named = repository.named_of(session, job_id, attempt)
            assert named == repository.share_of(session, job_id, attempt)
            assert named.cpu_mj > 0
            assert named.ram_mj > 0
        of_forecasts = session.execute(
            select(func.sum(EnergyLedgerRow.cpu_mj)).where(EnergyLedgerRow.forecast_id.is_not(None))
        ).scalar_one()
        assert 0 < of_forecasts <= sum(s.cpu_mj for s in shares if s.kind == "forecasts")

        # Rows say how the machine was sampled, and nothing is left beside the jobs' own files.
        methods = session.execute(
            select(EnergyLedgerRow.attribution, EnergyLedgerRow.sampling_s).distinct()
        ).all()
        assert [tuple(row) for row in methods] == [("process_share", 0.3)]
        years = session.scalars(select(EnergyLedgerRow.carbon_source).distinct()).all()
        assert years[0].startswith("yearly mean 20")
    assert list((tmp_path / "data" / "energy").iterdir()) == []
    machine.close()


def test_a_machine_whose_meter_is_killed_goes_on_with_another(
    make_service: Callable[..., Any], table: pd.DataFrame, tmp_path: Path
) -> None:
    service = make_service(energy_sample_seconds=0.3)
    job = service.submit(service.upload(table), **service.long_config)
    service.until(
        lambda: service.http.get(f"/v1/jobs/{job['id']}/energy").json()["total"]["total_wh"] > 0,
        "the first energy",
    )
    [meter] = service.workers("app.energy.host")
    meter.kill()
    assert service.finish(job["id"], 200)["state"] == "succeeded"
    service.until(lambda: service.workers("app.energy.host"), "another meter")
    service.stop()
    assert not service.workers("app.energy.host")
    database = open_database(f"sqlite:///{tmp_path / 'data' / 'autopq.sqlite3'}")
    with database.read() as session:
        for page in session.scalars(select(HostEnergyRow)):
            assert of(page) == Parts.sum(of(share) for share in page.shares)
        total = session.scalar(
            select(func.sum(EnergyLedgerRow.cpu_mj)).where(EnergyLedgerRow.job_id == job["id"])
        )
    database.close()
    assert total > 0


CUT_OFF = """
import os, socket, threading

def refuse(*_, **__):
    raise AssertionError("no network call is allowed")

for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = refuse
"""
MACHINE = """
from app.core import migrations
from app.core.schema import open_database
from app.energy.host import Host
from app.settings import Settings

settings = Settings()
settings.storage.prepare()
database = open_database(settings.resolved_database_url)
migrations.upgrade(database.engine)
database.close()
threading.Timer(4.0, lambda: os.kill(os.getpid(), 15)).start()
Host(settings).run()
"""


WORKER = """
import time
from app.energy.metering import worker_meter
from app.settings import Settings

settings, rows = Settings(), []
with worker_meter(settings, rows.append) as meter:
    for name in ("select", "refit"):
        with meter.phase(name), meter.trial("a trial"):
            until = time.process_time() + 0.1
            while time.process_time() < until:
                sum(range(1000))
            meter.flush()
assert {row.provenance.tool for row in rows} == {"the test's"}, "they came from the board"
assert {row.phase for row in rows} >= {"select", "refit"}
assert meter.total_mj == sum(row.total_mj for row in rows) > 0
"""


def run_cut_off(program: str, tmp_path: Path) -> str:
    """What a process printed that could reach no network; it must have left nothing but in its
    data folder."""
    folders = {name: tmp_path / name for name in ("HOME", "TMPDIR", "AUTOPQ_DATA_DIR")}
    for folder in (*folders.values(), tmp_path / "work"):
        folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF + program],
        cwd=tmp_path / "work",
        env={
            **os.environ,
            **{name: str(folder) for name, folder in folders.items()},
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "AUTOPQ_ENERGY_SAMPLE_SECONDS": "0.3",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    left = [path for name in ("HOME", "TMPDIR", "work") for path in (tmp_path / name).rglob("*")]
    assert left == []
    return done.stdout + done.stderr


def test_the_meter_calls_nobody_and_leaves_nothing(tmp_path: Path) -> None:
    assert "could not be metered" not in run_cut_off(MACHINE, tmp_path)
    database = open_database(f"sqlite:///{tmp_path / 'AUTOPQ_DATA_DIR' / 'autopq.sqlite3'}")
    with database.read() as session:
        [page] = session.scalars(select(HostEnergyRow)).all()
        assert of(page).total_mj > 0
        assert of(page) == Parts.sum(of(share) for share in page.shares)
    database.close()
    assert list((tmp_path / "AUTOPQ_DATA_DIR" / "energy").iterdir()) == []


def test_a_worker_reads_its_share_off_the_board_and_calls_nobody(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "AUTOPQ_DATA_DIR")
    settings.storage.prepare()
    shown = board_path(settings)
    Board(shown).post(
        {},
        sampled_at=time.monotonic(),
        rates=Rates(40.0, 5.0),
        provenance=replace(SyntheticSource(time.monotonic).provenance(), tool="the test's"),
    )
    before = set(settings.data_dir.rglob("*"))
    assert "does not run" not in run_cut_off(WORKER, tmp_path)
    assert set(settings.data_dir.rglob("*")) == before
