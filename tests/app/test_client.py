"""The Python client against a really running service."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.client import Client, NoModelError, ProblemError
from app.jobs.schemas import Job
from autopq.task import TaskConfig

Document = dict[str, Any]

QUICK = {
    "target": "load",
    "horizon": 24,
    "timezone": "Europe/Berlin",
    "preset": "fast",
    "forecasters": ["seasonal_naive"],
    "quantile_models": ["residual"],
}


@pytest.fixture
def client(service: Any) -> Iterator[Client]:
    with Client(str(service.http.base_url)) as client:
        yield client


def test_files_and_frames_arrive_alike(client: Client, table: pd.DataFrame, tmp_path: Path) -> None:
    frame = table.assign(timestamp=pd.to_datetime(table["timestamp"])).set_index("timestamp")
    csv, parquet = tmp_path / "load.csv", tmp_path / "load.parquet"
    table.to_csv(csv, index=False)
    table.to_parquet(parquet, index=False)
    datasets = [client.upload_dataset(source) for source in (csv, str(parquet), table, frame)]
    assert [dataset.rows for dataset in datasets] == [len(table)] * 4
    assert datasets[0].media_type == "text/csv"
    assert client.dataset(datasets[0].id) == datasets[0]


@pytest.mark.slow
def test_one_call_from_frame_to_forecast(client: Client, table: pd.DataFrame) -> None:
    seen: list[Job] = []
    known = table.iloc[:-24].drop(columns="temperature")
    forecast = client.fit_predict(
        known, TaskConfig(**QUICK), quantile_levels=[0.9, 0.1], on_progress=seen.append
    )
    assert list(forecast.columns) == ["item_id", "timestamp", "0.1", "0.9"]
    assert len(forecast) == 24
    assert (forecast["0.1"] < forecast["0.9"]).all()
    first = forecast["timestamp"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None).iloc[0]
    assert first == pd.Timestamp(table["timestamp"].iloc[-24])
    fractions = [job.progress for job in seen]
    assert fractions == sorted(fractions)
    assert seen[-1].state == "succeeded"

    job = seen[-1]
    energy = client.energy(job.id)
    assert sum(part.total_wh for part in energy.by_phase) == pytest.approx(energy.total.total_wh)
    assert [row.name for row in client.leaderboard(job.id).rows] == ["seasonal_naive+residual"]
    assert client.trials(job.id).items
    assert job.id in {listed.id for listed in client.jobs(state="succeeded", limit=5).items}
    assert job.model_id is not None
    assert client.model(job.model_id).job_id == job.id


def test_a_refusal_carries_its_findings(client: Client, table: pd.DataFrame) -> None:
    dataset = client.upload_dataset(table)
    with pytest.raises(ProblemError, match="no column 'laod'") as caught:
        client.submit_job(dataset.id, QUICK | {"target": "laod"})
    assert caught.value.status == 422
    assert [finding.field for finding in caught.value.errors] == ["target"]
    assert "load" in caught.value.errors[0].mend


@pytest.mark.slow
def test_no_level_at_all_is_refused_and_not_ignored(client: Client, finished_job: Document) -> None:
    with pytest.raises(ProblemError, match="0 levels"):
        client.forecast(finished_job["model_id"], quantile_levels=[])


def test_a_cancelled_job_gives_no_forecast(client: Client, table: pd.DataFrame) -> None:
    def cancel(job: Job) -> None:
        if job.state in ("queued", "running"):
            client.cancel(job.id)

    with pytest.raises(NoModelError, match="cancelled") as caught:
        client.fit_predict(
            table,
            {"target": "load", "horizon": 24, "timezone": "Europe/Berlin"},
            on_progress=cancel,
        )
    assert caught.value.job.state == "cancelled"
