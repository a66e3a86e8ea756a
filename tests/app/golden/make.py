"""`python tests/app/golden/make.py`: write `<revision>.sql` beside this file, a small database of
the schema as it is now, made by a service that really ran. To be run once a revision, by the code
of that revision; `test_golden_databases.py` then holds every later one to it.
"""

import math
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
VERSION = "SELECT version_num FROM autopq_alembic_version"
CONFIG = {
    "target": "load",
    "horizon": 3,
    "preset": "fast",
    "forecasters": ["seasonal_naive"],
    "quantile_models": ["residual"],
    "quantile_levels": [0.1, 0.5, 0.9],
    "backtest": {"num_windows": 2},
}


def table() -> str:
    start = datetime(2026, 1, 1)
    rows = [
        f"{(start + timedelta(hours=i)).isoformat()},{100 + 10 * math.sin(i / 24 * math.tau):.3f}"
        for i in range(24 * 12)
    ]
    return "\n".join(["timestamp,load", *rows, ""])


def fill(http: httpx.Client) -> None:
    """A dataset of two versions, a job that succeeded with its model, backtest, alias and forecast,
    and one that was cancelled."""
    upload = http.post("/v1/datasets", content=table(), headers={"Content-Type": "text/csv"})
    body = {"dataset_id": upload.raise_for_status().json()["id"], "config": CONFIG}
    jobs = [http.post("/v1/jobs", json=body).raise_for_status().json() for _ in range(2)]
    http.post(f"/v1/jobs/{jobs[1]['id']}/cancel").raise_for_status()
    done = _until(http, f"/v1/jobs/{jobs[0]['id']}", "succeeded")
    row = {"columns": {"timestamp": ["2026-02-01T00:00:00"], "load": [100]}}
    http.post(f"/v1/datasets/{done['dataset_id']}/rows", json=row).raise_for_status()
    alias = {"alias": "production"}
    http.post(f"/v1/models/{done['model_id']}/promote", json=alias).raise_for_status()
    request = {"paths": 2}
    asked = http.post(f"/v1/models/{done['model_id']}/forecasts", json=request).raise_for_status()
    _until(http, f"/v1/forecasts/{asked.json()['id']}/status", "succeeded")


def _until(http: httpx.Client, path: str, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        found = http.get(path).raise_for_status().json()
        if found["state"] == state:
            return dict(found)
        time.sleep(0.2)
    raise TimeoutError(path)


def run_service(data_dir: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "AUTOPQ_DATA_DIR": str(data_dir),
        "AUTOPQ_PORT": str(port),
        "AUTOPQ_HEARTBEAT_SECONDS": "60",  # few rows of electricity
    }
    process = subprocess.Popen([sys.executable, "-m", "app"], env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            while not _is_ready(http):
                time.sleep(0.2)
            fill(http)
        make_key = "from app.cli import main; main()"
        key = [sys.executable, "-c", make_key, "keys", "create", "golden"]
        subprocess.run(key, env=environment, check=False, capture_output=True)  # none in 0001
    finally:
        process.terminate()
        process.wait()


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").is_success
    except httpx.TransportError:
        return False


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        run_service(data_dir)
        with closing(sqlite3.connect(data_dir / "autopq.sqlite3")) as connection:
            revision = connection.execute(VERSION).fetchone()[0]
            # Where it ran is nobody's business.
            connection.execute("UPDATE supervisor_lease SET holder = '1:1.00@somewhere'")
            dump = "\n".join(connection.iterdump()) + "\n"
    (HERE / f"{revision}.sql").write_text(re.sub(r"[ \t]+$", "", dump, flags=re.M))


if __name__ == "__main__":
    main()
