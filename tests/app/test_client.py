"""The Python client against a really running service."""

import asyncio
import inspect
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest

from app.client import AsyncClient, Client, NoModelError, ProblemError
from app.datasets import inspection
from app.forecasts import schemas
from app.jobs.schemas import Job
from autopq.aggregates import Measure, Window
from autopq.data.inspection import ColumnKind
from autopq.data.stamps import StampKind
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
    forecast = client.forecast(
        known, config=TaskConfig(**QUICK), quantile_levels=[0.9, 0.1], on_progress=seen.append
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
    worth = client.energy_worth(job.id, value=0.01)
    assert [candidate.name for candidate in worth.front] == ["seasonal_naive+residual"]
    assert client.estimate(job.dataset_id, QUICK).basis in {"same_task", "same_settings", "none"}
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
        client.predict(finished_job["model_id"], quantile_levels=[])


def test_a_cancelled_job_gives_no_forecast(client: Client, table: pd.DataFrame) -> None:
    def cancel(job: Job) -> None:
        if job.state in ("queued", "running"):
            client.cancel(job.id)

    with pytest.raises(NoModelError, match="cancelled") as caught:
        client.forecast(
            table, config={"target": "load", "timezone": "Europe/Berlin"}, on_progress=cancel
        )
    assert caught.value.job.state == "cancelled"


@pytest.mark.slow
def test_three_lines_from_a_table_with_one_column_of_numbers(
    client: Client, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    df = table.dropna()[["timestamp", "load"]]
    quick = {name: QUICK[name] for name in ("preset", "forecasters", "quantile_models")}
    forecast = client.forecast(df, horizon=3, progress=True, **quick)
    assert len(forecast) == 3
    assert client.job(forecast.attrs["job_id"]).config.target == "load"
    assert "100%" in capsys.readouterr().err
    again = client.predict(forecast.attrs["model_id"])
    pd.testing.assert_frame_equal(again, forecast)
    assert client.forecasts(model_id=forecast.attrs["model_id"]).items


@pytest.mark.slow
def test_models_and_forecasts_by_name(client: Client, table: pd.DataFrame, tmp_path: Path) -> None:
    dataset = client.upload_dataset(table.iloc[:-48], name="client")
    assert [found.id for found in client.datasets(name="client").items] == [dataset.id]
    version = client.append_rows(dataset.id, table.iloc[-48:])
    assert (version.version, version.added) == (2, 48)
    assert client.audit_dataset(dataset.id, QUICK, version=1).rows == len(table) - 48
    listed = client.dataset_versions(dataset.id).items
    assert [found.version for found in listed] == [2, 1]

    job = client.submit_job(dataset.id, QUICK, dataset_version=1, model_name="from-client")
    assert client.wait(job.id).dataset_version == 1
    promoted = client.promote_model("from-client@latest", "champion")
    assert client.model("from-client@champion").id == promoted.id
    assert [found.id for found in client.models(alias="champion").items] == [promoted.id]
    assert [found.version for found in client.model_versions(promoted.id).items] == [1]
    packed = client.download_model(promoted.id, tmp_path / "model.zip")
    assert zipfile.ZipFile(io.BytesIO(packed.read_bytes())).testzip() is None

    made = client.create_forecast("from-client@champion", paths=7)
    assert set(client.paths(made.id)["path"]) == set(range(7))
    assert client.forecast_status(made.id).state == "succeeded"
    sums = client.aggregates(made.id, "sum", "horizon", [0.5])
    assert list(sums.columns) == ["item_id", "start", "end", "steps", "0.5"]
    client.delete_forecast(made.id)
    client.delete_model(promoted.id)
    client.delete_dataset(dataset.id)
    with pytest.raises(ProblemError, match="no dataset"):
        client.dataset(dataset.id)


@pytest.mark.slow
def test_asynchronous_calls_run_beside_each_other(service: Any, table: pd.DataFrame) -> None:
    async def both() -> list[pd.DataFrame]:
        async with AsyncClient(str(service.http.base_url)) as client:
            known = table.iloc[:-24].drop(columns="temperature")
            return await asyncio.gather(
                *(client.forecast(known, config=QUICK | {"horizon": h}) for h in (2, 3))
            )

    assert [len(forecast) for forecast in asyncio.run(both())] == [2, 3]


def test_both_clients_offer_the_same_calls() -> None:
    def calls(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(call).parameters)
            for name, call in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert calls(Client) == calls(AsyncClient)


def test_importing_the_client_is_light() -> None:
    check = "import sys, app.client; print({'pandas', 'torch', 'fastapi'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_kinds_and_measures_are_those_of_the_library() -> None:
    """They are written down twice, for the sake of the line above."""
    assert get_args(inspection.ColumnKind) == get_args(ColumnKind)
    assert get_args(inspection.StampKind) == get_args(StampKind)
    assert get_args(schemas.Measure) == get_args(Measure)
    assert get_args(schemas.Window) == get_args(Window)


def test_jobs_are_repeated_audited_and_deleted(client: Client, finished_job: Document) -> None:
    again = client.rerun_job(finished_job["id"], {"horizon": 12}, priority=3)
    assert (again.rerun_of, again.config.horizon, again.priority) == (finished_job["id"], 12, 3)
    assert client.job_audit(again.id).audit.target == "load"
    assert client.usage().queued_jobs.limit > 0
    done = client.wait(again.id)
    assert done.state == "succeeded"
    client.delete_job(again.id)
    with pytest.raises(ProblemError, match="There is no job"):
        client.job(again.id)
