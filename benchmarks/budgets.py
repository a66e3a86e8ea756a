"""Are budgets kept? Jobs with limits at and above the minimum that the estimate names.

    python -m benchmarks.budgets [--preset default] [--shares 1,1.5,3] [--days 365] [--out FILE]

Starts a service of its own on the loopback address, runs one job without a limit on a synthetic
hourly load, asks for the estimate, and then runs a job for each limit (`time_limit`,
`energy_limit_wh`) and each multiple of the minimum. Prints what each took as a share of its limit,
what ended the search, and the model that came of it. A limit of half the minimum must be refused.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from autopq.data.example import synthetic_load
from benchmarks.service import machine, service, until

TASK = {"target": "load", "horizon": 24, "known_covariates": ["temperature"]}
LIMITS = {"time_limit": "minimum_seconds", "energy_limit_wh": "minimum_energy_wh"}


def run(http: httpx.Client, dataset_id: str, config: dict[str, Any]) -> dict[str, Any]:
    """A finished job: what it took, what ended it, and its model."""
    body = {"dataset_id": dataset_id, "config": config}
    job_id = http.post("/v1/jobs", json=body).raise_for_status().json()["id"]
    job = until(http, f"/v1/jobs/{job_id}", "state", "succeeded")
    energy = http.get(f"/v1/jobs/{job_id}/energy").raise_for_status().json()
    rows = http.get(f"/v1/jobs/{job_id}/leaderboard").raise_for_status().json()["rows"]
    chosen = next(row for row in rows if row["chosen"])
    began, ended = (pd.Timestamp(str(job[name])) for name in ("started_at", "finished_at"))
    return {
        "seconds": (ended - began).total_seconds(),
        "wh": energy["total"]["total_wh"],
        "ended_by": chosen["details"].get("ended_by", ""),
        "model": chosen["name"],
        "coverage_90": chosen["test"]["coverage_90"],
        "mean_pinball": chosen["test"]["mean_pinball"],
    }


def measure(http: httpx.Client, task: dict[str, Any], days: int, shares: list[float]) -> Any:
    """A row a job: one without a limit, then one a limit and share."""
    table = synthetic_load(np.random.default_rng(0), days=days)
    upload = http.post(
        "/v1/datasets", content=table.to_csv(index=False), headers={"Content-Type": "text/csv"}
    )
    dataset_id = upload.raise_for_status().json()["id"]
    rows = [{"limit": "none"} | run(http, dataset_id, task)]
    body = {"dataset_id": dataset_id, "config": task}
    estimate = http.post("/v1/jobs:estimate", json=body).raise_for_status().json()
    for limit, minimum in LIMITS.items():
        least = estimate[minimum]
        refused = http.post("/v1/jobs", json=body | {"config": task | {limit: least / 2}})
        if refused.status_code != 422:
            raise SystemExit(f"half of the minimum of {limit} was not refused")
        for share in shares:
            allowed = share * least
            found = run(http, dataset_id, task | {limit: allowed})
            used = found["seconds" if limit == "time_limit" else "wh"] / allowed
            rows.append(
                {"limit": limit, "x_minimum": share, "allowed": allowed, "used": used} | found
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="default", choices=["fast", "default", "advanced"])
    parser.add_argument("--shares", default="1,1.5,3", help="multiples of the minimum")
    parser.add_argument("--days", type=int, default=365, help="of the table")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    shares = [float(share) for share in options.shares.split(",")]
    with (
        tempfile.TemporaryDirectory() as folder,
        service(Path(folder)) as (port, _),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        until(http, "/readyz", "status", "ok")
        rows = measure(http, TASK | {"preset": options.preset}, options.days, shares)
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.4g", na_rep=""))
    worst = max(row["used"] for row in rows if "used" in row)
    print(f"the most that was used is {worst:.2f} of a limit")
    if options.out:
        options.out.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
