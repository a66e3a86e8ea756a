"""A full disk, and a database that is locked or gone for a while."""

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.app.aftermath import check_aftermath, phases_of_attempt

pytestmark = pytest.mark.slow

Make = Callable[..., Any]
OUTAGE_S = 10


def _mount(folder: Path, size: str, *options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", *options)), "none", folder]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The folder of models, on a disk of its own that has room for none."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    if os.getuid() != 0 or not _mount(folder, "16k"):
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_disk_full_while_a_model_is_written(
    small_disk: Path, make_service: Make, table: Any
) -> None:
    service = make_service()
    job = service.submit(service.upload(table), **service.long_config)
    ended = service.finish(job["id"], 120)
    assert (ended["state"], ended["attempt"]) == ("failed", 2)
    assert "No space left on device" in ended["error"]["detail"]
    check_aftermath(service)
    assert _mount(small_disk, "64m", "remount")
    again = service.http.post(job["links"]["rerun"], json={}).json()
    assert service.finish(again["id"], 120)["state"] == "succeeded"
    check_aftermath(service)
    service.stop()


def test_database_locked_for_a_while(make_service: Make, table: Any) -> None:
    service = make_service()
    dataset_id = service.upload(table)
    job = service.submit(dataset_id, **service.long_config)
    service.until(lambda: phases_of_attempt(service, job["id"], 1), "the fit to be under way")
    with closing(sqlite3.connect(service.data_dir / "autopq.sqlite3")) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        until = time.monotonic() + OUTAGE_S
        while time.monotonic() < until:
            assert service.job(job["id"])["state"] == "running"  # reading goes on
            time.sleep(0.2)
        lock.rollback()
    waiting = service.submit(dataset_id)
    for submitted in (job, waiting):
        ended = service.finish(submitted["id"], 120)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 1), ended
    check_aftermath(service)


def test_database_gone_for_a_while(make_service: Make, table: Any) -> None:
    service = make_service()
    dataset_id = service.upload(table)
    job = service.submit(dataset_id, **service.long_config)
    service.until(lambda: phases_of_attempt(service, job["id"], 1), "the fit to be under way")
    here, away = (service.data_dir / name for name in ("autopq.sqlite3", "away"))
    here.rename(away)
    until = time.monotonic() + OUTAGE_S
    body = {"dataset_id": dataset_id, "config": service.config}
    kept = [job["id"]]
    while time.monotonic() < until:
        # Connections that are open still reach the file; new ones must not make another.
        answer = service.http.post("/v1/jobs", json=body)
        assert answer.status_code in (202, 503), answer.text
        if answer.status_code == 202:
            kept.append(answer.json()["id"])
        else:
            assert answer.headers["content-type"] == "application/problem+json"
            assert "Retry-After" in answer.headers
        assert service.http.get("/healthz").status_code == 200
        assert not here.exists()
        time.sleep(2)
    away.rename(here)
    kept.append(service.submit(dataset_id)["id"])
    for job_id in kept:
        ended = service.finish(job_id, 120)
        assert ended["state"] == "succeeded", ended
        assert service.crashes(job_id) == 0
    assert len(service.rows("SELECT id FROM job")) == len(kept)
    check_aftermath(service)
