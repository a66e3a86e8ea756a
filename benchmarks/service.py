"""Load on the embedded service: rates, latencies and memory, with a job running beside.

    python -m benchmarks.service [--reads 10000] [--submissions 1000] [--out FILE]

Starts `python -m app` on a free port of the loopback address with a folder of its own, and asks
it over keep-alive connections: forecast reads (24 steps), one large columnar read (35 040 rows),
and submissions. The API process's memory is looked at all the while. Everything is bounded in
count and time; the service and its folder are gone at the end.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import psutil

from app.core.clock import now
from app.core.schema import open_database
from app.core.storage import Storage
from app.forecasts.tables import ForecastRow
from autopq.data.example import synthetic_load
from autopq.forecast import Forecast
from benchmarks.ending import end_when_told

CONNECTIONS = 16
AIMED_RATE = 300.0  # reads a second
SUBMITTERS = 8
LARGE_SERIES, LARGE_STEPS, LARGE_READS = 365, 96, 40
LONGEST_S = 600.0
MEBIBYTE = 2**20
QUICK = {"target": "load", "horizon": 24, "known_covariates": ["temperature"], "preset": "fast"}
BESIDE = QUICK | {"preset": "default"}


@dataclass
class Timing:
    """What a number of requests took."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of the API process alone
    latencies: list[float] = field(default_factory=list)
    failures: int = 0

    def quantile_ms(self, level: float) -> float:
        return float(np.quantile(self.latencies, level)) * 1000

    @property
    def cpu_ms(self) -> float:
        """Processor time of the API process a request, whatever else the machine does."""
        return self.cpu_seconds / len(self.latencies) * 1000

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


class Gauge:
    """Resident memory and processor time of the API process, without its workers."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.samples: list[tuple[int, float]] = []

    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    def look(self, requests: int) -> None:
        self.samples.append((requests, self._process.memory_info().rss / MEBIBYTE))

    @property
    def peak(self) -> float:
        return max(size for _, size in self.samples)

    def growth(self) -> float:
        """Mebibytes between a tenth of the requests, when all is warm, and all of them."""
        total = self.samples[-1][0]
        warm = next(size for requests, size in self.samples if requests >= total / 10)
        return self.samples[-1][1] - warm


class Connection:
    """One keep-alive HTTP/1.1 connection that asks one request after the other."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, request: bytes) -> int:
        """The status; the body is read to its end."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next(
            int(line.partition(":")[2])
            for line in head.split("\r\n")
            if line.startswith("content-length:")
        )
        await self._reader.readexactly(length)
        return int(head.split(" ", 2)[1])


def request(method: str, path: str, body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n"
    if body is not None:
        head += "Content-Type: application/json\r\n"
    return f"{head}\r\n".encode() + content


async def load(
    port: int,
    asked: bytes | Sequence[bytes],
    count: int,
    connections: int,
    expected: int,
    gauge: Gauge,
    rate: float | None = None,
) -> Timing:
    """Ask the same thing, or one thing after the other, `count` times over some connections, each
    as fast as it is answered; with a `rate`, so many a second, and what a request waits for its
    turn because others are late counts as its latency."""
    requests = [asked] if isinstance(asked, bytes) else asked
    timing, left = Timing(), iter(range(count))

    async def client() -> None:
        async with Connection(port) as connection:
            for number in left:
                turn = time.perf_counter()
                if rate is not None:
                    turn = began + number / rate
                    await asyncio.sleep(max(0.0, turn - time.perf_counter()))
                status = await connection.ask(requests[number % len(requests)])
                timing.latencies.append(time.perf_counter() - turn)
                timing.failures += status != expected
                if number % 100 == 0:
                    gauge.look(number)

    began, began_cpu = time.perf_counter(), gauge.cpu_seconds()
    async with asyncio.timeout(LONGEST_S):
        await asyncio.gather(*(client() for _ in range(connections)))
    timing.seconds = time.perf_counter() - began
    timing.cpu_seconds = gauge.cpu_seconds() - began_cpu
    gauge.look(count)
    return timing


@contextmanager
def service(folder: Path) -> Iterator[tuple[int, int]]:
    """(port, pid) of a service on the folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"AUTOPQ_DATA_DIR": str(folder), "AUTOPQ_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        env={**os.environ, **settings},
        stderr=(folder / "service.log").open("wb"),
    )
    try:
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(60)


def until(http: httpx.Client, path: str, member: str, wanted: str) -> dict[str, object]:
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        try:
            answer = dict(http.get(path).json())
        except (httpx.TransportError, json.JSONDecodeError):
            answer = {}
        if answer.get(member) == wanted:
            return answer
        time.sleep(0.1)
    raise SystemExit(f"{path} was not {wanted} within {LONGEST_S:g} s")


def put_large_forecast(folder: Path, model_id: str) -> str:
    """A forecast of many series, written as its worker would write it."""
    database = open_database(f"sqlite:///{folder / 'autopq.sqlite3'}")
    values = np.random.default_rng(0).normal(500, 50, (LARGE_SERIES, LARGE_STEPS, 9))
    first = np.datetime64("2026-01-01", "ns")
    stamps = first + np.arange(LARGE_STEPS) * np.timedelta64(1, "h")
    forecast = Forecast(
        target="load",
        item_ids=tuple(f"series-{number}" for number in range(LARGE_SERIES)),
        timestamps=np.tile(stamps, (LARGE_SERIES, 1)),
        timezone="UTC",
        levels=np.linspace(0.1, 0.9, 9),
        quantiles=np.sort(values, axis=2),
        paths=np.zeros((LARGE_SERIES, 1, LARGE_STEPS), np.float32),
    )
    row = ForecastRow(
        id="fc_large",
        tenant_id="default",
        model_id=model_id,
        paths=1,
        state="succeeded",
        attempt=1,
        crashes=0,
        created_at=now(),
        finished_at=now() - timedelta(minutes=1),
    )
    forecast.save(Storage(folder).forecast(row.id, 1))
    with database.write() as session:
        session.add(row)
    database.close()
    return "fc_large"


def measure(folder: Path, reads: int, submissions: int) -> dict[str, object]:
    table = synthetic_load(np.random.default_rng(0), days=60)
    table.loc[table.index[-24:], "load"] = np.nan
    small = table.iloc[-24 * 20 :].to_csv(index=False)
    with (
        service(folder) as (port, pid),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as http,
    ):
        until(http, "/readyz", "status", "ok")
        ids = [
            http.post("/v1/datasets", content=csv, headers={"Content-Type": "text/csv"}).json()
            for csv in (table.to_csv(index=False), small)
        ]
        dataset, small_dataset = (answer["id"] for answer in ids)
        quick = {"dataset_id": small_dataset, "config": QUICK}
        job = http.post("/v1/jobs", json=quick).json()
        model = until(http, job["links"]["self"], "state", "succeeded")["model_id"]
        made = http.post(f"/v1/models/{model}/forecasts", json={}).json()
        until(http, f"/v1/forecasts/{made['id']}/status", "state", "succeeded")
        large = put_large_forecast(folder, str(model))

        beside = {"dataset_id": dataset, "config": BESIDE}
        running = http.post("/v1/jobs", json=beside).json()
        until(http, running["links"]["self"], "state", "running")
        gauge = Gauge(pid)

        asked = request("GET", f"/v1/forecasts/{made['id']}")
        asyncio.run(load(port, asked, 200, CONNECTIONS, 200, Gauge(pid)))
        read = asyncio.run(load(port, asked, reads, CONNECTIONS, 200, gauge))
        paced = asyncio.run(load(port, asked, reads // 3, CONNECTIONS, 200, gauge, AIMED_RATE))
        state_after_reads = http.get(running["links"]["self"]).json()["state"]
        growth = gauge.growth()

        # Commas change nothing but the address, so that each is asked for the first time.
        levels = f"/v1/forecasts/{large}?quantile_levels=0.1,0.5,0.9"
        first = [request("GET", levels + "," * (1 + number)) for number in range(LARGE_READS)]
        new = asyncio.run(load(port, first, LARGE_READS, 1, 200, gauge))
        asked = request("GET", levels)
        sized = len(http.get(levels).content)
        huge = asyncio.run(load(port, asked, LARGE_READS, 1, 200, gauge))

        asked = request("POST", "/v1/jobs", quick)
        sent = asyncio.run(load(port, asked, submissions, SUBMITTERS, 202, gauge))
    return {
        "job_beside": state_after_reads,
        "read_rate": read.rate,
        "read_cpu_ms": read.cpu_ms,
        "read_p50_ms": read.quantile_ms(0.5),
        "read_p99_ms": read.quantile_ms(0.99),
        "paced_rate": paced.rate,
        "paced_p50_ms": paced.quantile_ms(0.5),
        "paced_p99_ms": paced.quantile_ms(0.99),
        "large_rows": LARGE_SERIES * LARGE_STEPS,
        "large_bytes": sized,
        "large_first_cpu_ms": new.cpu_ms,
        "large_first_p50_ms": new.quantile_ms(0.5),
        "large_cpu_ms": huge.cpu_ms,
        "large_p50_ms": huge.quantile_ms(0.5),
        "large_p99_ms": huge.quantile_ms(0.99),
        "submissions": submissions,
        "submission_s": sent.seconds,
        "submission_cpu_ms": sent.cpu_ms,
        "submission_p99_ms": sent.quantile_ms(0.99),
        "memory_peak_mib": gauge.peak,
        "memory_growth_mib": growth,
        "failures": sum(part.failures for part in (read, paced, new, huge, sent)),
    }


def machine() -> dict[str, object]:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average_before": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--reads", type=int, default=10_000)
    parser.add_argument("--submissions", type=int, default=1_000)
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    arguments = parser.parse_args()
    end_when_told()
    figures = machine()
    with tempfile.TemporaryDirectory() as folder:
        figures |= measure(Path(folder), arguments.reads, arguments.submissions)
    figures["load_average_after"] = os.getloadavg()[0]
    for name, value in figures.items():
        print(f"{name:22} {value:.4g}" if isinstance(value, float) else f"{name:22} {value}")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
