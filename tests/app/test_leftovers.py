"""No file outlives what it belongs to: not a deleted job, not a killed service."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage

from app.core import migrations
from app.core.artefacts import open_store
from app.core.database import Database
from app.core.schema import open_database
from app.core.storage import Storage
from app.engine.studies import sweep_studies
from app.engine.sweep import MIN_AGE_S, sweep
from app.jobs.states import JOB_STATES, TERMINAL, JobState
from tests.app.furniture import furnish

Make = Callable[..., Any]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'autopq.sqlite3'}")
    migrations.upgrade(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(tmp_path / "files")
    made.prepare()
    return made


class TestSweep:
    def test_removes_only_what_no_row_names(self, storage: Storage, database: Database) -> None:
        for folder in (storage.incoming, storage.datasets, storage.forecasts):
            (folder / "fc_lost-1.parquet").write_bytes(b"x")
        (storage.models / "job_lost-1.draft").mkdir()
        (storage.searches / "job_lost").mkdir()
        storage.log("job_lost-1").write_bytes(b"x")
        sweep(storage, database)  # too young: somebody may be writing these
        assert len(os.listdir(storage.incoming)) == 1
        sweep(storage, database, min_age=0)
        assert [path for path in storage.root.rglob("*") if path.parent != storage.root] == []

    @pytest.mark.parametrize("state", JOB_STATES)
    def test_a_search_is_for_jobs_to_come_to_their_end(
        self, storage: Storage, database: Database, state: JobState
    ) -> None:
        job_id = furnish(database, storage, "default", "default")["job_id"]
        with database.write() as session:
            session.connection().exec_driver_sql("UPDATE job SET state = ?", (state,))
        storage.search(job_id).mkdir()
        sweep(storage, database, min_age=0)
        assert storage.search(job_id).exists() == (state not in TERMINAL)

    @pytest.mark.parametrize(
        ("state", "deleted_at"),
        [*((state, None) for state in JOB_STATES), ("failed", "2026-11-29 12:00:00.000000")],
    )
    def test_so_are_studies_in_a_database(
        self,
        tmp_path: Path,
        storage: Storage,
        database: Database,
        state: JobState,
        deleted_at: str | None,
    ) -> None:
        job_id = furnish(database, storage, "default", "default")["job_id"]
        with database.write() as session:
            session.connection().exec_driver_sql(
                "UPDATE job SET state = ?, deleted_at = ?", (state, deleted_at)
            )
        url = f"sqlite:///{tmp_path / 'trials.sqlite3'}"
        kept = RDBStorage(url)
        strange = "job_of_another_service/0123/trees"
        for name in (f"{job_id}/0123/trees", f"{job_id}/0123/mlp", strange):
            optuna.create_study(storage=kept, study_name=name).optimize(
                lambda trial: trial.suggest_float("x", 0, 1), n_trials=2
            )
        sweep_studies(url, database)
        left = set(optuna.get_all_study_names(kept))
        assert strange in left
        assert len(left) == (1 if state in TERMINAL else 3)

    def test_logs_are_kept_of_attempts_without_a_model(
        self, storage: Storage, database: Database
    ) -> None:
        job_id = furnish(database, storage, "default", "default")["job_id"]
        names = (f"{job_id}-1", f"{job_id}-2", "prediction-worker", "host-meter")
        for name in names:
            storage.log(name).write_bytes(b"x")
        sweep(storage, database, min_age=0)
        assert {path.stem for path in storage.logs.iterdir()} == set(names[1:])

    def test_removes_what_was_arriving_when_its_sender_died(
        self, tmp_path: Path, database: Database
    ) -> None:
        shared = tmp_path / "shared"
        storage = Storage(tmp_path / "files", open_store(shared.as_uri()))
        storage.prepare()
        furnish(database, storage, "default", "default")
        storage.publish(storage.dataset("dataset_of_default", 1))
        kept = {path for path in shared.rglob("*") if path.is_file()}
        assert len(kept) == 2
        (shared / ".arriving" / "0123").write_bytes(b"half of")
        sweep(storage, database)
        assert {path for path in shared.rglob("*") if path.is_file()} > kept
        sweep(storage, database, min_age=-60)
        assert {path for path in shared.rglob("*") if path.is_file()} == kept


def left_of(service: Any, *ids: str) -> list[Path]:
    return [path for path in service.data_dir.rglob("*") if path.name.startswith(ids)]


@pytest.mark.slow
def test_a_deleted_job_leaves_nothing(make_service: Make, table: Any) -> None:
    service = make_service()
    dataset_id = service.upload(table)
    done = service.finish(service.submit(dataset_id)["id"])
    made = service.forecast(done["model_id"])["id"]
    stopped = service.submit(dataset_id, **service.long_config)
    service.until(service.workers, "a worker")
    service.http.post(stopped["links"]["cancel"])
    assert service.finish(stopped["id"])["state"] == "cancelled"
    ids = (done["id"], stopped["id"])
    assert len(left_of(service, *ids)) >= 2  # a model, and the log of what has none
    for path in (f"forecasts/{made}", f"jobs/{done['id']}", f"jobs/{stopped['id']}"):
        service.until(lambda p=path: service.http.delete(f"/v1/{p}").status_code == 204, path)
    assert left_of(service, *ids, made) == []
    assert service.http.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    assert left_of(service, dataset_id) == []


def aged(path: Path) -> None:
    """As if it were of yesterday."""
    past = time.time() - 24 * MIN_AGE_S
    os.utime(path, (past, past))


@pytest.mark.slow
def test_what_a_killed_service_could_not_remove_is_swept(make_service: Make, table: Any) -> None:
    service = make_service()
    job = service.submit(service.upload(table), **service.long_config)
    service.until(service.workers, "a worker")
    service.http.post(job["links"]["cancel"])
    service.finish(job["id"])
    (log,) = left_of(service, job["id"])
    content = log.read_bytes()
    assert service.http.delete(job["links"]["self"]).status_code == 204
    service.kill()
    log.write_bytes(content)  # as when it was killed right after it forgot the job
    aged(log)
    service.start()
    service.until(lambda: not log.exists(), "the sweep")


@pytest.mark.slow
def test_an_upload_that_broke_off_with_the_service_is_swept(make_service: Make, table: Any) -> None:
    service = make_service()
    kept = service.upload(table)
    incoming = service.data_dir / "incoming"
    url = service.http.base_url
    head = f"POST /v1/datasets HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: text/csv\r\n"
    with socket.create_connection((url.host, url.port)) as connection:
        connection.sendall(f"{head}Content-Length: 9000000\r\n\r\n".encode())
        connection.sendall(b"timestamp,load\n" + b"2026-01-01T00:00Z,1\n" * 100_000)
        service.until(
            lambda: any(path.stat().st_size for path in incoming.iterdir()), "half an upload"
        )
        service.kill()
    (half,) = incoming.iterdir()
    aged(half)
    service.start()
    service.until(lambda: not half.exists(), "the sweep")
    datasets = [path.name for path in (service.data_dir / "datasets").iterdir()]
    assert datasets == [kept]
    assert len(service.http.get("/v1/datasets").json()["items"]) == 1
