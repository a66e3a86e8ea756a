"""Are budgets kept? Jobs with limits at and above the minimum that the estimate names.

    python -m benchmarks.budgets [--preset default] [--shares 1,1.5,3] [--days 365] [--out FILE]

Starts a service of its own on the loopback address, runs one job without a limit on a synthetic
hourly load, asks for the estimate, and then runs a job for each limit (`time_limit`,
`energy_limit_wh`) and each multiple of the minimum. Prints of each job, once it has ended, what it
took as a share of its limit, what that limit ended, and the model that came of it, and writes so
many to the file. A limit of half the minimum must be refused, and no job may take more than 1.1 of
its limit: otherwise the exit status is 1.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from autopq.data.example import synthetic_load
from benchmarks.ending import end_when_told
from benchmarks.service import machine, service, until

TASK = {"target": "load", "horizon": 24, "known_covariates": ["temperature"]}
MOST_USED = 1.1
STILL_S = 3.0
LIMITS = {"time_limit": "minimum_seconds", "energy_limit_wh": "minimum_energy_wh"}


def run(http: httpx.Client, dataset_id: str, config: dict[str, Any]) -> dict[str, Any]:
    """A finished job: what it took, what ended it, and its model."""
    body = {"dataset_id": dataset_id, "config": config}
    job_id = http.post("/v1/jobs", json=body).raise_for_status().json()["id"]
    job = until(http, f"/v1/jobs/{job_id}", "state", "succeeded")
    rows = http.get(f"/v1/jobs/{job_id}/leaderboard").raise_for_status().json()["rows"]
    chosen = next(row for row in rows if row["chosen"])
    began, ended = (pd.Timestamp(str(job[name])) for name in ("started_at", "finished_at"))
    return {
        "seconds": (ended - began).total_seconds(),
        "wh": settled(http, job_id),
        "ended_by": chosen["details"].get("ended_by", ""),
        "left_out": ",".join(chosen["details"].get("left_out", [])),
        "model": chosen["name"],
        "coverage_90": chosen["test"]["coverage_90"],
        "mean_pinball": chosen["test"]["mean_pinball"],
    }


def settled(http: httpx.Client, job_id: str) -> float:
    """Watt-hours of a job that has ended, once they stand still."""
    before, total = -1.0, 0.0
    while before != total:
        time.sleep(STILL_S)
        energy = http.get(f"/v1/jobs/{job_id}/energy").raise_for_status().json()
        before, total = total, energy["total"]["total_wh"]
    return float(total)


def estimate(http: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    """Of a job like the one that has just ended, whose electricity may still have to be settled."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = http.post("/v1/jobs:estimate", json=body).raise_for_status().json()
        if found["basis"] == "same_task":
            return dict(found)
        time.sleep(0.5)
    raise SystemExit("no estimate came of the job without a limit")


def measure(
    http: httpx.Client, task: dict[str, Any], days: int, shares: list[float]
) -> Iterator[dict[str, Any]]:
    """A row a job: one without a limit, then one a limit and share."""
    table = synthetic_load(np.random.default_rng(0), days=days)
    upload = http.post(
        "/v1/datasets", content=table.to_csv(index=False), headers={"Content-Type": "text/csv"}
    )
    dataset_id = upload.raise_for_status().json()["id"]
    yield {"limit": "none"} | run(http, dataset_id, task)
    body = {"dataset_id": dataset_id, "config": task}
    found = estimate(http, body)
    for limit, minimum in LIMITS.items():
        least = found[minimum]
        refused = http.post("/v1/jobs", json=body | {"config": task | {limit: least / 2}})
        if refused.status_code != 422:
            raise SystemExit(f"half of the minimum of {limit} was not refused")
        for share in shares:
            allowed = share * least
            took = run(http, dataset_id, task | {limit: allowed})
            used = took["seconds" if limit == "time_limit" else "wh"] / allowed
            yield {"limit": limit, "x_minimum": share, "allowed": allowed, "used": used} | took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="default", choices=["fast", "default", "advanced"])
    parser.add_argument("--shares", default="1,1.5,3", help="multiples of the minimum")
    parser.add_argument("--days", type=int, default=365, help="of the table")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    end_when_told()
    shares = [float(share) for share in options.shares.split(",")]
    with (
        tempfile.TemporaryDirectory() as folder,
        service(Path(folder)) as (port, _),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        until(http, "/readyz", "status", "ok")
        rows = []
        for row in measure(http, TASK | {"preset": options.preset}, options.days, shares):
            rows.append(row)
            print(json.dumps(row), flush=True)
            if options.out:
                found = {"machine": machine(), "rows": rows}
                options.out.write_text(json.dumps(found, indent=1))
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.4g", na_rep=""))
    worst = max(row["used"] for row in rows if "used" in row)
    print(f"the most that was used is {worst:.2f} of a limit")
    if worst > MOST_USED:
        raise SystemExit(f"more than {MOST_USED} of a limit was used")


if __name__ == "__main__":
    main()
