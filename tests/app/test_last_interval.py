"""What was spent is kept, however an attempt or a forecast ends."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.core import migrations
from app.core.clock import now
from app.core.database import Database
from app.core.schema import open_database
from app.datasets.tables import DatasetRow, DatasetVersionRow
from app.energy.tables import EnergyLedgerRow
from app.engine.lease import Lease
from app.engine.predictions import PredictionKeeper
from app.forecasts import repository as forecast_rows
from app.forecasts import transitions as forecasts
from app.forecasts.account import Account
from app.forecasts.tables import ForecastRow
from app.jobs import transitions
from app.jobs.tables import JobRow
from app.jobs.transitions import FenceLostError
from app.models.tables import ModelRow
from app.settings import Settings
from autopq.energy import EnergyRow, Provenance

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(data_dir=tmp_path, heartbeat_seconds=1000, poll_seconds=0.05)
    made.storage.prepare()
    return made


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """A job that was claimed, of a dataset without a file, and a model without one."""
    opened = open_database(settings.resolved_database_url)
    migrations.upgrade(opened.engine)
    with opened.write() as session:
        session.add(
            DatasetRow(
                tenant_id="default",
                id="ds",
                created_at=now(),
                media_type="text/csv",
                size_bytes=1,
                sha256="0",
                rows=1,
                inspection={},
            )
        )
    with opened.write() as session:
        session.add(
            DatasetVersionRow(
                dataset_id="ds",
                version=1,
                created_at=now(),
                media_type="text/csv",
                size_bytes=1,
                sha256="0",
                rows=1,
                added=1,
                replaced=0,
                inspection={},
            )
        )
    with opened.write() as session:
        session.add(
            JobRow(
                tenant_id="default",
                id="job",
                dataset_id="ds",
                config={},
                audit={},
                state="queued",
                progress=0.0,
                message="",
                attempt=0,
                crashes=0,
                created_at=now(),
            )
        )
    with opened.write() as session:
        session.add(
            ModelRow(
                name="load",
                version=1,
                tenant_id="default",
                id="model",
                job_id="job",
                attempt=1,
                created_at=now(),
                config={},
                summary={},
                size_bytes=0,
            )
        )
    yield opened
    opened.close()


def add_forecast(database: Database, forecast_id: str, state: str = "queued") -> None:
    with database.write() as session:
        session.add(
            ForecastRow(
                tenant_id="default",
                id=forecast_id,
                model_id="model",
                paths=1,
                state=state,
                attempt=int(state == "running"),
                crashes=0,
                created_at=now(),
            )
        )


def ledger_of(database: Database) -> list[EnergyLedgerRow]:
    with database.read() as session:
        return list(session.scalars(select(EnergyLedgerRow)))


def state_of(database: Database, forecast_id: str) -> str:
    with database.read() as session:
        return forecast_rows.get(session, forecast_id).state


def test_a_fit_that_fails_before_its_first_heartbeat_is_charged(
    settings: Settings, database: Database
) -> None:
    with database.write() as session:
        assert transitions.claim_next(session, now()) == ("job", 1)
    done = subprocess.run(
        [sys.executable, "-m", "app.jobs.run", "job", "1"],
        env={**os.environ, **settings.as_environment()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    rows = ledger_of(database)
    assert {(row.job_id, row.attempt) for row in rows} == {("job", 1)}
    assert sum(row.seconds for row in rows) > 0


def spent(phase: str) -> EnergyRow:
    return EnergyRow(
        started_at=now(),
        ended_at=now() + timedelta(seconds=1),
        phase=phase,
        trial=None,
        forecaster=None,
        quantile_model=None,
        training_method=None,
        cpu_mj=7,
        gpu_mj=0,
        ram_mj=0,
        provenance=Provenance(
            cpu_method="rapl",
            gpu_method="unavailable",
            ram_method="unavailable",
            measured=True,
            country="DEU",
            carbon_g_per_kwh=1.0,
            pue=1.0,
            tool="test",
        ),
    )


def test_what_a_forecast_took_outlives_its_lost_fence(database: Database) -> None:
    add_forecast(database, "f")
    with database.write() as session:
        claimed = forecasts.claim_next(session, now())
    assert claimed is not None
    account = Account(database)
    account.add(spent("waiting"))
    account.open(*claimed)
    account.add(spent("predict"))
    with database.write() as session:
        forecasts.end_running(session, now(), reason="it was taken", crashed=False)
    account.flush()
    account.flush()
    with pytest.raises(FenceLostError), database.write() as session:
        forecasts.succeed(session, *claimed, now())
    assert [(row.forecast_id, row.phase, row.cpu_mj) for row in ledger_of(database)] == [
        ("f", "predict", 7)
    ]


def test_who_lost_the_lease_leaves_running_forecasts_to_the_successor(
    settings: Settings, database: Database
) -> None:
    lease = Lease(database, settings.lease_seconds)
    assert lease.hold()
    keeper = PredictionKeeper(settings, database, lease)
    add_forecast(database, "first")
    keeper.tend()
    lease.release()
    add_forecast(database, "second", state="running")
    keeper.stop()
    assert state_of(database, "second") == "running"


def test_who_holds_the_lease_puts_running_forecasts_back(
    settings: Settings, database: Database
) -> None:
    lease = Lease(database, settings.lease_seconds)
    assert lease.hold()
    keeper = PredictionKeeper(settings, database, lease)
    add_forecast(database, "first")
    keeper.tend()
    add_forecast(database, "second", state="running")
    keeper.stop()
    assert state_of(database, "second") == "queued"
    lease.release()
