"""A really started service: its own process, its own workers, its own SQLite file, unless the
setting `database_url` names another database."""

import logging
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil
import psycopg
import pytest
import structlog

from autopq.data.example import synthetic_load

CONFIG = {
    "target": "load",
    "horizon": 24,
    "known_covariates": ["temperature"],
    "timezone": "Europe/Berlin",
    "preset": "fast",
    "forecasters": ["seasonal_naive"],
    "quantile_models": ["residual"],
}
# A job that is still at work when a test wants to interrupt it.
LONG = {"forecasters": ["lightgbm"], "backtest": {"num_windows": 3}}
Document = dict[str, Any]


class Service:
    """`python -m app` on a free port of the loopback address, and what tests do with it."""

    config = CONFIG
    long_config = LONG

    def __init__(self, data_dir: Path, *, ready: bool = True, **settings: object) -> None:
        self.data_dir = data_dir
        self._probe = "/readyz" if ready else "/healthz"
        self._settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}
        self.http = httpx.Client()

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {
            "data_dir": self.data_dir,
            "port": port,
            "heartbeat_seconds": 0.2,
            "poll_seconds": 0.05,
            "worker_niceness": 0,  # tests wait for jobs, and other work on the machine does not
            **self._settings,
        }
        self.environment = {
            "OMP_NUM_THREADS": "1",
            **{f"AUTOPQ_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            env={**os.environ, **self.environment},
            start_new_session=True,
        )
        self.http.close()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.until(self._ready, "the service to be ready")

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the service ended"
        try:
            return self.http.get(self._probe).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
        self.http.close()

    @property
    def database_url(self) -> str:
        return str(self._settings.get("database_url", f"sqlite:///{self.data_dir}/autopq.sqlite3"))

    def states(self, job_id: str) -> tuple[str, list[str]]:
        """State of a job and of its attempts, read past the service."""
        job = self.rows("SELECT state FROM job WHERE id = ?", job_id)
        attempts = "SELECT state FROM attempt WHERE job_id = ? ORDER BY number"
        return job[0][0], [row[0] for row in self.rows(attempts, job_id)]

    def crashes(self, job_id: str) -> int:
        """How much of its retry a job has spent."""
        return int(self.rows("SELECT crashes FROM job WHERE id = ?", job_id)[0][0])

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        url = self._settings.get("database_url")
        if url is not None:
            with psycopg.connect(str(url)) as elsewhere:
                answer = elsewhere.execute(query.replace("?", "%s").encode(), values)
                return answer.fetchall()
        with closing(sqlite3.connect(self.data_dir / "autopq.sqlite3")) as connection:
            return connection.execute(query, values).fetchall()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @staticmethod
    def until(probe: Callable[[], object], what: str, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not probe():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.02)

    def upload(self, table: pd.DataFrame) -> str:
        body = table.to_csv(index=False)
        answer = self.http.post("/v1/datasets", content=body, headers={"Content-Type": "text/csv"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def submit(self, dataset_id: str, **config: object) -> Document:
        body = {"dataset_id": dataset_id, "config": CONFIG | config}
        answer = self.http.post("/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def job(self, job_id: str) -> Document:
        return dict(self.http.get(f"/v1/jobs/{job_id}").json())

    def finish(self, job_id: str, seconds: float = 90) -> Document:
        done = {"succeeded", "failed", "cancelled"}
        self.until(lambda: self.job(job_id)["state"] in done, f"{job_id} to end", seconds)
        return self.job(job_id)

    def forecast(self, model_id: str, **request: object) -> Document:
        answer = self.http.post(f"/v1/models/{model_id}/forecasts", json=request)
        assert answer.status_code == 202, answer.text
        forecast_id = answer.json()["id"]
        status = f"/v1/forecasts/{forecast_id}/status"
        self.until(
            lambda: self.http.get(status).json()["state"] in ("succeeded", "failed"), forecast_id
        )
        return dict(self.http.get(status).json())

    def workers(self, module: str = "app.jobs.run") -> list[psutil.Process]:
        """Worker processes of this service, whoever their parent is by now. Workers lead their
        sessions; helpers that they fork look like them for a moment."""
        found = []
        for process in psutil.process_iter():
            try:
                if (
                    module in process.cmdline()
                    and process.environ().get("AUTOPQ_DATA_DIR") == str(self.data_dir)
                    and process.status() != psutil.STATUS_ZOMBIE
                    and os.getsid(process.pid) == process.pid
                ):
                    found.append(process)
            except (psutil.Error, ProcessLookupError):
                continue
        return found


def example_table(days: int = 30, seed: int = 0) -> pd.DataFrame:
    """Hourly load and temperature of one series, with a day of temperature beyond the load."""
    table = synthetic_load(np.random.default_rng(seed), days=days, timezone="Europe/Berlin")
    table.loc[table.index[-24:], "load"] = np.nan
    return table


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command run within this process sends logs to a stream that ends with its test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return example_table()


@pytest.fixture(scope="session")
def service_type() -> type[Service]:
    """For services of other scopes than the ones below."""
    return Service


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services of this test alone and stops them after it."""
    started: list[Service] = []

    def make(**settings: object) -> Service:
        service = Service(tmp_path / "data", **settings)
        started.append(service)
        service.start()
        return service

    yield make
    for service in started:
        service.stop()


@pytest.fixture(scope="session")
def serving() -> Callable[..., AbstractContextManager[Service]]:
    """Starts a service on a folder and stops it at the end of the block."""

    @contextmanager
    def serve(data_dir: Path, **settings: object) -> Iterator[Service]:
        started = Service(data_dir, **settings)
        started.start()
        try:
            yield started
        finally:
            started.stop()

    return serve


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for every test that does no harm to it."""
    shared = Service(tmp_path_factory.mktemp("service"))
    shared.start()
    yield shared
    shared.stop()


@pytest.fixture(scope="session")
def dataset_id(service: Service, table: pd.DataFrame) -> str:
    return service.upload(table)


@pytest.fixture(scope="session")
def finished_job(service: Service, dataset_id: str) -> Document:
    """A job of the shared service that succeeded."""
    job = service.finish(service.submit(dataset_id)["id"])
    assert job["state"] == "succeeded", job
    return job


@pytest.fixture(scope="session")
def forecast(service: Service, finished_job: Document) -> Document:
    """A forecast of that job's model, from the end of its training data."""
    found = service.forecast(finished_job["model_id"], paths=50)
    assert found["state"] == "succeeded", found
    return found
