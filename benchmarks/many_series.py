"""Time and memory of one job over many series.

    python -m benchmarks.many_series [--series 25,50,100] [--days 730] [--preset fast]

Each count of synthetic hourly load series (temperature known ahead) is fitted, and every series
forecast, in a process of its own, so that peak memory is its own: what the process held when the
table was made is shown beside it. Prints a row a count as it is done, then how many rows every
candidate of the largest one was trained on.
"""

import argparse
import multiprocessing
import platform
import resource
import sys
import time
from typing import Any

import numpy as np
import pandas as pd

START = "2023-01-01"


def run(series: int, days: int, preset: str, seed: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """The row of the table for one count of series, and rows and scores of every candidate."""
    from autopq import AutoPQ, TaskConfig
    from autopq.data.example import synthetic_load
    from autopq.energy import create_meter

    horizon = 24
    rng = np.random.default_rng(seed)
    whole = synthetic_load(rng, days=days + 1, series=series, start=START)
    present = pd.Timestamp(START) + pd.Timedelta(days=days)
    known = whole["timestamp"] < present
    history, future = whole[known], whole[~known].drop(columns="load")
    config = TaskConfig(
        target="load", known_covariates=("temperature",), horizon=horizon, preset=preset, seed=seed
    )
    before = peak_mb()
    began, began_cpu = time.perf_counter(), time.process_time()
    with create_meter() as meter:
        result = AutoPQ(config, meter=meter).fit(history)
        fitted = time.perf_counter() - began
        forecast = result.model.predict(future=future)
    best = next(row for row in result.leaderboard if row.chosen)
    naive = next(row for row in result.leaderboard if row.forecaster == "seasonal_naive")
    row = {
        "series": series,
        "rows": len(history),
        "fit_s": round(fitted, 1),
        "predict_s": round(time.perf_counter() - began - fitted, 1),
        "cpu_s": round(time.process_time() - began_cpu, 1),
        "table_mb": round(before),
        "peak_mb": round(peak_mb()),
        "energy_wh": round(meter.total_mj / 3.6e6, 3),
        "winner": best.name,
        "test_mpl_of_naive": round(best.test["mean_pinball"] / naive.test["mean_pinball"], 3),
        "test_cov90": round(best.test["coverage_90"], 3),
    }
    assert len(forecast.item_ids) == series
    return row, pd.DataFrame(
        [
            {
                "candidate": entry.name,
                "rows": rows_of(entry.details),
                "validation_mpl": entry.validation.get("mean_pinball"),
                "seconds": entry.seconds,
            }
            for entry in result.leaderboard
        ]
    )


def rows_of(details: dict[str, Any]) -> int | None:
    """Training rows (windows x horizon) that a candidate's description tells of."""
    parts = [part for part in details.values() if isinstance(part, dict)]
    return max((part["rows"] for part in parts if "rows" in part), default=None)


def peak_mb() -> float:
    """Largest resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--series", default="25,50,100", help="comma-separated counts")
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--preset", default="fast", choices=["fast", "default"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{platform.machine()}, {multiprocessing.cpu_count()} cores")
    fresh = multiprocessing.get_context("spawn")
    candidates = pd.DataFrame()
    for number, series in enumerate(sorted(int(text) for text in options.series.split(","))):
        with fresh.Pool(1) as pool:
            arguments = (series, options.days, options.preset, options.seed)
            row, candidates = pool.apply(run, arguments)
        print(pd.DataFrame([row]).to_string(index=False, header=number == 0), flush=True)
    print()
    print(candidates.to_string(index=False, float_format=lambda value: f"{value:.4g}"))


if __name__ == "__main__":
    main()
