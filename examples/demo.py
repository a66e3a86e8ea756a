"""The whole product in one run: start the service, submit a job over HTTP, follow it, look at
the leaderboard, the quantile forecast and the electricity, stop the service.

    python examples/demo.py --data FILE.csv --out DIR

FILE has an hourly series: `ts` (time) and `y` (here: electricity of 321 consumers, see NOTICE).
DIR receives `forecast.csv`, `fan.png`, `leaderboard.csv`, `energy.json` and the service's files.
"""

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.client import Client
from app.energy.schemas import JobEnergy
from app.jobs.schemas import Job, Leaderboard
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


def wait_until_ready(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").is_success:
                return
        time.sleep(0.2)
    raise SystemExit("the service did not become ready; see service.log")


def follow(client: Client, job_id: str) -> Job:
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

        def show(job: Job) -> None:
            phase = job.phase or job.state
            progress.update(bar, completed=job.progress, phase=phase, message=job.message)

        job = client.wait(job_id, show)
    if job.state != "succeeded":
        raise SystemExit(f"the job ended as {job.state}: {job.error}")
    return job


def show_leaderboard(board: Leaderboard) -> pd.DataFrame:
    """Print the rows, ranked by validation, and return them as a flat table."""
    table = Table(
        title="Leaderboard, with scores on the held-out last 20 % of the rows (kW)",
        caption="* the model that is kept",
    )
    for heading in ("rank", "forecaster", "quantile model"):
        table.add_column(heading)
    for heading in ("pinball", "90 % cover", "MAE", "seconds", "Wh"):
        table.add_column(heading, justify="right")
    for row in board.rows:
        test = row.test
        table.add_row(
            f"{row.rank}{' *' if row.chosen else ''}",
            row.forecaster or "",
            row.quantile_model + (" (reference)" if row.reference else ""),
            *(
                (f"{test['mean_pinball']:.1f}", f"{100 * test['coverage_90']:.1f} %")
                if test
                else "  "
            ),
            f"{test['mae']:.1f}" if test else row.error,
            f"{row.seconds:.1f}",
            f"{row.energy_wh:.4f}",
        )
    console.print(table)
    return pd.json_normalize([row.model_dump(exclude={"details"}) for row in board.rows])


def show_energy(report: JobEnergy) -> None:
    table = Table(title="Electricity of the job, by phase")
    for heading in ("phase", "seconds", "CPU Wh", "GPU Wh", "RAM Wh", "total Wh"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    for name, part in [*((part.phase, part) for part in report.by_phase), ("total", report.total)]:
        figures = (part.cpu_wh, part.gpu_wh, part.ram_wh, part.total_wh)
        table.add_row(name, f"{part.seconds:.1f}", *(f"{figure:.4f}" for figure in figures))
    console.print(table)
    source = report.total.sources[0]
    console.print(
        f"{'measured' if report.total.measured else 'estimated'}: CPU by {source.cpu_method}, "
        f"GPU by {source.gpu_method}, RAM by {source.ram_method}; "
        f"{1000 * report.total.kg_co2e:.3f} g CO2e at {source.carbon_g_per_kwh:.0f} g/kWh "
        f"({source.country})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="default")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)

    with running_service(options.out / "service") as url, Client(url) as client:
        wait_until_ready(url)
        console.print(f"service ready at {url}")
        dataset = client.upload_dataset(options.data)
        console.print(f"uploaded {options.data.name} as dataset {dataset.id}")
        began = time.monotonic()
        config = {
            "target": "y",
            "timestamp": "ts",
            "horizon": HORIZON,
            "lower": 0,
            "holidays": "PT",
            "preset": options.preset,
        }
        job = follow(client, client.submit_job(dataset.id, config).id)
        console.print(f"job {job.id} took {time.monotonic() - began:.0f} s")

        board = show_leaderboard(client.leaderboard(job.id))
        board.to_csv(options.out / "leaderboard.csv", index=False)

        forecast = client.predict(str(job.model_id), quantile_levels=LEVELS)
        forecast.to_csv(options.out / "forecast.csv", index=False)
        console.print("First hours of the forecast (kW):")
        console.print(forecast.head(6).to_string(index=False, float_format=lambda v: f"{v:.0f}"))

        report = client.energy(job.id)
        show_energy(report)
        (options.out / "energy.json").write_text(report.model_dump_json(indent=1))

    history = pd.read_csv(options.data, parse_dates=["ts"]).tail(3 * HORIZON)
    fan_chart(history["ts"], history["y"], forecast, LEVELS, options.out / "fan.png")
    console.print(f"wrote forecast.csv, leaderboard.csv, energy.json and fan.png to {options.out}/")


if __name__ == "__main__":
    main()
