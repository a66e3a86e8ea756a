"""One row of everything for a tenant, written past the service."""

from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from app.backtests.schemas import BacktestScores
from app.backtests.tables import BacktestRow
from app.core.clock import now
from app.core.database import Database
from app.core.plain import plain
from app.core.storage import Storage
from app.datasets.tables import DatasetRow, DatasetVersionRow
from app.energy.tables import EnergyLedgerRow
from app.forecasts.tables import ForecastRow
from app.jobs.tables import AttemptRow, JobRow, LeaderboardEntryRow, TrialRow
from app.models.tables import ModelRow
from app.webhooks.tables import DeliveryRow, WebhookRow
from autopq.data.audit import audit, inspect
from autopq.data.example import synthetic_load
from autopq.forecast import Forecast
from autopq.task import TaskConfig

LEADER = {
    "rank": 1,
    "name": "residual",
    "forecaster": "seasonal_naive",
    "quantile_model": "residual",
    "training_method": None,
    "reference": True,
    "validation": {"mean_pinball": 1.0},
    "test": {},
    "seconds": 1.0,
    "energy_wh": 1.0,
}


SCORES = dict.fromkeys(BacktestScores.model_fields, 1.0)


def parquet(columns: dict[str, list[Any]]) -> bytes:
    file = BytesIO()
    pd.DataFrame(columns).to_parquet(file, index=False)
    return file.getvalue()


def furnish(database: Database, storage: Storage, tenant_id: str, name: str) -> dict[str, str]:
    """The new rows' ids by the names that path parameters have; with the files answers need."""
    ids = {f"{kind}_id": f"{kind}_of_{name}" for kind in ("dataset", "job", "model", "forecast")}
    own = {"tenant_id": tenant_id}
    of_job = {"job_id": ids["job_id"], "attempt": 1}
    counts = {"attempt": 1, "crashes": 0, "created_at": now(), "state": "succeeded"}
    table = synthetic_load(np.random.default_rng(0), days=10)
    task = TaskConfig(target="load", horizon=2)
    config = task.model_dump(mode="json")
    rows = [
        DatasetRow(
            **own,
            id=ids["dataset_id"],
            created_at=now(),
            media_type="text/csv",
            size_bytes=1000,
            sha256="0",
            rows=1,
            inspection=plain(inspect(table).as_dict()),
        ),
        DatasetVersionRow(
            dataset_id=ids["dataset_id"],
            version=1,
            created_at=now(),
            media_type="text/csv",
            size_bytes=1000,
            sha256="0",
            rows=1,
            added=1,
            replaced=0,
            inspection=plain(inspect(table).as_dict()),
        ),
        JobRow(
            **own,
            **counts,
            id=ids["job_id"],
            dataset_id=ids["dataset_id"],
            config=config,
            audit=plain(audit(table, task)[1].as_dict()),
            progress=1.0,
            message="done",
        ),
        AttemptRow(job_id=ids["job_id"], number=1, state="succeeded", started_at=now()),
        LeaderboardEntryRow(job_id=ids["job_id"], rank=1, row=LEADER),
        BacktestRow(
            job_id=ids["job_id"],
            report={
                **dict.fromkeys(("num_windows", "step", "windows", "series", "paths"), 1),
                **dict.fromkeys(("first_origin", "last_origin"), "2024-01-01T00:00:00"),
                "scores": SCORES,
                **{name: {"share": [1.0]} for name in ("steps", "reliability", "pit")},
            },
            windows=parquet({"item_id": ["=series"], "crps": [1.0]}),
            series=parquet({"item_id": ["=series"], "crps": [1.0]}),
            forecasts=parquet({"item_id": ["=series"], "0.5": [1.0]}),
        ),
        TrialRow(
            **of_job,
            finished_at=now(),
            phase="search",
            name="trial",
            params={},
            seconds=1.0,
            energy_wh=1.0,
        ),
        WebhookRow(**own, job_id=ids["job_id"], url="https://example.org", secret="s" * 16),
        DeliveryRow(
            **own,
            id=f"msg_of_{name}",
            job_id=ids["job_id"],
            kind="job.succeeded",
            body="{}",
            state="delivered",
            tries=1,
            created_at=now(),
            next_at=now(),
        ),
        ModelRow(
            **own,
            **of_job,
            id=ids["model_id"],
            name="load",
            version=1,
            created_at=now(),
            config=config,
            summary=LEADER,
            size_bytes=1000,
        ),
        ForecastRow(**own, **counts, id=ids["forecast_id"], model_id=ids["model_id"], paths=1),
        EnergyLedgerRow(
            **own,
            **of_job,
            day="2026-01-01",
            started_at=now(),
            seconds=1.0,
            phase="search",
            cpu_mj=1,
            gpu_mj=0,
            ram_mj=0,
            idle_mj=0,
            cpu_method="rapl",
            gpu_method="none",
            ram_method="none",
            idle_method="none",
            attribution="none",
            sampling_s=1.0,
            measured=True,
            country="DEU",
            carbon_g_per_kwh=1.0,
            pue=1.0,
            tool="none",
            carbon_source="none",
        ),
    ]
    with database.write() as session:
        for row in rows:
            session.add(row)
            session.flush()  # in this order, which foreign keys want
    table.to_csv(storage.dataset(ids["dataset_id"], 1), index=False)
    stamps = np.array([["2024-01-01T00", "2024-01-01T01"]], dtype="datetime64[ns]")
    Forecast(
        target="load",
        item_ids=("series",),
        timestamps=stamps,
        timezone="UTC",
        levels=np.array([0.1, 0.9]),
        quantiles=np.zeros((1, 2, 2)),
        paths=np.zeros((1, 1, 2), np.float32),
    ).save(storage.forecast(ids["forecast_id"], 1))
    return ids
