"""The networks of the product trained by each training method, on the series of the accuracy table.

    python -m benchmarks.methods --data DIR --out DIR [--sets a,b] [--seed N]

One fit a series, on the split of `benchmarks.accuracy`: `mlp_quantile` and `cinn_residual` trained
by every method that can train them, all else the same, scored on the last 20 % of the rows without
correction or refit. Prints a row a network and method: the mean pinball losses relative to those
of backprop, and what each took. `<set>.csv` below `--out` is written as each fit ends; a series
that has its file is not fitted again.
"""

import argparse
import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.series import KNOWN, TEST_FRACTION, Series
from benchmarks.standings import markdown

_QUANTILE = ("backprop", "f3", "forward_gradient", "oialr", "ab_training")
_FLOW = ("backprop", "block_local", "forward_gradient", "oialr", "ab_training")
_NETWORKS = ("mlp_quantile", "cinn_residual")
_BASE = "backprop"


def run(series: Series, data: Path, seed: int) -> pd.DataFrame:
    """A row for each network and method."""
    from autopq import AutoPQ
    from benchmarks.product import read_table, task

    config = task(
        series,
        seed,
        forecasters=("lightgbm",),
        quantile_models=_NETWORKS,
        training_methods={"quantile": _QUANTILE, "cinn": _FLOW},
        test_fraction=TEST_FRACTION,
        refit=False,
    )
    rows = AutoPQ(config).fit(read_table(series, data)).leaderboard
    return pd.DataFrame(
        {
            "set": series.name,
            "network": row.quantile_model,
            "method": row.training_method,
            "mpl": row.test.get("mean_pinball", np.nan),
            "seconds": row.seconds,
            "Wh": row.energy_wh,
            "stored": row.stored_parameters,
            "MB sent": (row.bytes_sent or 0) / 1e6,
            "error": row.error,
        }
        for row in rows
        if row.quantile_model in _NETWORKS and row.forecaster in (None, "lightgbm")
    )


def relative(table: pd.DataFrame) -> pd.DataFrame:
    """By network and method: losses relative to backprop's, their geometric mean, and sums of what
    was taken over the series."""
    loss = table.pivot_table(index=["network", "method"], columns="set", values="mpl", sort=False)
    base = loss.xs(_BASE, level="method").reindex(loss.index, level="network")
    ratio = loss / base
    ratio["geometric mean"] = np.exp(np.log(ratio).mean(axis=1))
    sums = table.groupby(["network", "method"])[["seconds", "Wh", "MB sent"]].sum()
    stored = table.groupby(["network", "method"])["stored"].mean()
    return ratio.join(sums).join(stored)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--out", type=Path, required=True, help="folder for a CSV file a series")
    parser.add_argument("--sets", help="comma-separated series; all there are by default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wanted = options.sets.split(",") if options.sets else [series.name for series in KNOWN]
    options.out.mkdir(parents=True, exist_ok=True)
    fresh = multiprocessing.get_context("spawn")
    tables = []
    for series in KNOWN:
        if series.name not in wanted or not (options.data / f"{series.name}.csv").exists():
            continue
        file = options.out / f"{series.name}.csv"
        if not file.exists():
            # Not from a pool: its processes may have no children, and ranks are some.
            process = fresh.Process(target=_write, args=(series, options.data, options.seed, file))
            process.start()
            process.join()
            if process.exitcode:
                parser.exit(1, f"the fit of {series.name} ended with {process.exitcode}\n")
        tables.append(pd.read_csv(file))
        print(tables[-1].to_string(index=False), flush=True)
    if not tables:
        parser.error(f"no known series in {options.data}")
    found = relative(pd.concat(tables))
    found.index = [f"`{network}`, {method}" for network, method in found.index]
    print()
    print(markdown(found, "network, method"))


def _write(series: Series, data: Path, seed: int, file: Path) -> None:
    run(series, data, seed).to_csv(file, index=False)


if __name__ == "__main__":
    main()
