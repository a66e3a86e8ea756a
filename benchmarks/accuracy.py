"""Accuracy of the product on a folder of hourly CSV files, with what it took.

    python -m benchmarks.accuracy --data DIR --out DIR [--preset fast|default|advanced] [--sets a,b]
                                 [--seeds N]

For each series: fit on the first 80 % of its rows, as a user would (every choice is made on
validation rows inside them), then forecast from every midnight of the rest without refitting.
Writes `<set>__autopq-<preset>.npz` (origins, levels, quantiles [n, 24, L], meta) and prints the
scores; with several seeds each has a folder of its own, `seed-0`, `seed-1`, ..., as
`benchmarks.standings` reads them. Each series runs in a process of its own, so that time and peak
memory are its own; CPU seconds are those of its trial processes too.
"""

import argparse
import json
import multiprocessing
import platform
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.series import HORIZON, KNOWN, Series, first_test_row, origins

LEVELS = np.round(np.arange(1, 100) / 100, 2)


def run(series: Series, data: Path, out: Path, preset: str, seed: int) -> dict[str, object]:
    """Fit, forecast, write the file and return the series' row of the table."""
    from autopq import AutoPQ
    from autopq.data.audit import audit
    from autopq.energy import create_meter
    from autopq.evaluation.grid import DENSE_LEVELS, interpolate
    from autopq.evaluation.scores import evaluate
    from benchmarks.product import read_table, task

    table = read_table(series, data)
    frame = series.read(data)
    at = origins(frame)
    config = task(series, seed, preset=preset, test_fraction=0.0)
    began, began_cpu = time.perf_counter(), _cpu_seconds()
    with create_meter() as meter:
        result = AutoPQ(config, meter=meter).fit(table.iloc[: first_test_row(len(table))])
        fitted_s = time.perf_counter() - began
        with meter.phase("predict"):
            panel, _ = audit(table, config)
            dense = result.model.quantiles(panel.windows([at], HORIZON))
            quantiles = interpolate(dense, DENSE_LEVELS, LEVELS)
    winner = next(row for row in result.leaderboard if row.chosen)
    meta = {
        "wall_s": round(time.perf_counter() - began, 2),
        "fit_s": round(fitted_s, 2),
        "cpu_s": round(_cpu_seconds() - began_cpu, 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "energy_wh": meter.total_mj / 3.6e6,
        "winner": winner.name,
        "seed": seed,
        "machine": f"{platform.machine()}, {multiprocessing.cpu_count()} cores",
    }
    np.savez_compressed(
        out / f"{series.name}__autopq-{preset}.npz",
        origins=at.astype(np.int64),
        levels=LEVELS,
        quantiles=quantiles,
        meta=json.dumps(meta),
    )
    truth = frame[series.target].to_numpy()[at[:, None] + np.arange(HORIZON)]
    scores = evaluate(truth, quantiles, LEVELS)
    return {
        "set": series.name,
        "mpl": scores["mean_pinball"],
        "crps": scores["crps"],
        "cov50": scores["coverage_50"],
        "cov90": scores["coverage_90"],
        "mae": scores["mae"],
        "winner": winner.name,
        **{key: meta[key] for key in ("wall_s", "cpu_s", "peak_rss_mb", "energy_wh")},
    }


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the forecast files")
    parser.add_argument("--preset", default="default", choices=["fast", "default", "advanced"])
    parser.add_argument("--sets", help="comma-separated series; every known one by default")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    options = parser.parse_args()
    wanted = options.sets.split(",") if options.sets else None
    unknown = set(wanted or ()) - {series.name for series in KNOWN}
    if unknown:
        parser.error(f"unknown series {sorted(unknown)}; known: {[s.name for s in KNOWN]}")
    chosen = [
        series
        for series in KNOWN
        if (series.name in wanted if wanted else (options.data / f"{series.name}.csv").exists())
    ]
    if not chosen:
        parser.error(f"no known series in {options.data}")
    rows = []
    fresh = multiprocessing.get_context("spawn")
    for seed in range(options.seed, options.seed + options.seeds):
        out = options.out if options.seeds == 1 else options.out / f"seed-{seed}"
        out.mkdir(parents=True, exist_ok=True)
        for series in chosen:
            with fresh.Pool(1) as pool:
                found = pool.apply(run, (series, options.data, out, options.preset, seed))
            rows.append({"seed": seed} | found)
            row = pd.DataFrame(rows[-1:])
            print(row.to_string(index=False, header=len(rows) == 1), flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(options.out / f"accuracy-{options.preset}.csv", index=False)
    print()
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4g}"))


if __name__ == "__main__":
    main()
