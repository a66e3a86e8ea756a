"""The whole product in one run: start the service, submit a job over HTTP, follow it, look at
the leaderboard, the quantile forecast and the electricity, stop the service.

    python examples/demo.py --data FILE.csv --out DIR

FILE has an hourly series: `ts` (time) and `y` (here: electricity of 321 consumers, see NOTICE).
DIR receives `forecast.csv`, `fan.png`, `leaderboard.csv`, `energy.json` and the service's files.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.client import Client
from plotting import fan_chart

HORIZON = 24
LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
console = Console(width=110)


@contextlib.contextmanager
def running_service(folder: Path) -> Iterator[str]:
    """The service on a free local port, its files under `folder`; ended on the way out."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "AUTOPQ_DATA_DIR": str(folder), "AUTOPQ_PORT": str(port)}
    log_path = folder.with_suffix(".log")
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(client: Client, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not client.ready():
        if time.monotonic() > deadline:
            raise SystemExit("the service did not become ready; see service.log")
        time.sleep(0.2)


def follow(client: Client, job_id: str) -> None:
    """Show the job's progress until it has ended."""
    columns = (
        TextColumn("{task.fields[phase]:<10}"),
        BarColumn(40),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}"),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("job", total=1.0, phase="queued", message="")
        job = client.wait(
            job_id,
            on_progress=lambda job: progress.update(
                bar,
                completed=job.progress,
                phase=job.phase or job.state,
                message=job.message or "",
            ),
        )
    if job.state != "succeeded":
        raise SystemExit(f"the job ended as {job.state}: {job.error}")


def show_leaderboard(board: pd.DataFrame) -> None:
    table = Table(title="Leaderboard: scores on the held-out last 20 % (kW)")
    headings = ("rank", "forecaster", "quantile model", "pinball", "90 % cover", "MAE", "s", "Wh")
    for heading in headings:
        table.add_column(
            heading, justify="left" if "c" in heading and "9" not in heading else "right"
        )
    for row in board.to_dict("records"):
        table.add_row(
            str(row["rank"]),
            row["forecaster"],
            row["quantile_model"],
            f"{row['test.mean_pinball']:.1f}",
            f"{100 * row['test.coverage_90']:.1f} %",
            f"{row['test.mae']:.1f}",
            f"{row['seconds']:.1f}",
            f"{row['energy_wh']:.4f}",
        )
    console.print(table)


def show_energy(report: dict[str, object]) -> None:
    table = Table(title="Electricity of the job, by phase")
    for heading in ("phase", "seconds", "CPU Wh", "GPU Wh", "RAM Wh", "total Wh"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    phases = report["phases"]
    assert isinstance(phases, list)
    for row in [*phases, {"phase": "total", **report["total"]}]:  # type: ignore[dict-item]
        parts = [f"{row[key]:.4f}" for key in ("cpu_wh", "gpu_wh", "ram_wh", "energy_wh")]
        table.add_row(row["phase"], f"{row['seconds']:.1f}", *parts)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="default")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)

    with running_service(options.out / "service") as url, Client(url) as client:
        wait_until_ready(client)
        console.print(f"service ready at {url}")
        dataset = client.upload_dataset(options.data)
        console.print(f"uploaded {dataset.rows} rows as dataset {dataset.id}")
        began = time.monotonic()
        job = client.submit_job(
            dataset.id,
            target="y",
            timestamp="ts",
            horizon=HORIZON,
            lower=0.0,
            preset=options.preset,
        )
        follow(client, job.id)
        console.print(f"job {job.id} took {time.monotonic() - began:.0f} s")

        board = client.leaderboard(job.id)
        show_leaderboard(board)
        board.to_csv(options.out / "leaderboard.csv", index=False)

        forecast = client.forecast(client.job(job.id).model_id, quantile_levels=LEVELS)
        forecast.to_csv(options.out / "forecast.csv", index=False)
        console.print("First hours of the forecast (kW):")
        console.print(forecast.head(6).to_string(index=False, float_format=lambda v: f"{v:.0f}"))

        report = client.energy(job.id)
        show_energy(report)
        (options.out / "energy.json").write_text(json.dumps(report, indent=1))

    history = pd.read_csv(options.data, parse_dates=["ts"]).tail(3 * HORIZON)
    fan_chart(history["ts"], history["y"], forecast, LEVELS, options.out / "fan.png")
    console.print(f"wrote forecast.csv, leaderboard.csv, energy.json and fan.png to {options.out}/")


if __name__ == "__main__":
    main()
