"""Forecasts of the peers on a folder of hourly CSV files, in the format of `benchmarks.accuracy`.

    python -m benchmarks.peers --data DIR --out DIR [--peers a,b] [--sets a,b] [--seed N]

Each (peer, series) runs in a process of its own and writes `<set>__<peer>.npz` (origins, levels,
quantiles [n, 24, L], meta); the table of scores goes to `peers.csv`.
"""

import argparse
import multiprocessing
from pathlib import Path

import pandas as pd

from benchmarks.peers.measure import PEERS, run
from benchmarks.series import KNOWN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the forecast files")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)}")
    parser.add_argument("--sets", help="comma-separated series; all there are by default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    known = {series.name: series for series in KNOWN}
    present = [name for name in known if (options.data / f"{name}.csv").exists()]
    sets = options.sets.split(",") if options.sets else present
    peers = options.peers.split(",")
    if unknown := [name for name in sets if name not in present]:
        parser.error(f"no series {unknown} in {options.data}; there are {present}")
    if unknown := [name for name in peers if name not in PEERS]:
        parser.error(f"unknown peers {unknown}; known: {list(PEERS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    fresh = multiprocessing.get_context("spawn")
    for name in sets:
        for peer in peers:
            with fresh.Pool(1) as pool:
                arguments = (peer, known[name], options.data, options.out, options.seed)
                rows.append(pool.apply(run, arguments))
            row = pd.DataFrame(rows[-1:])
            print(row.to_string(index=False, header=len(rows) == 1), flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(options.out / "peers.csv", index=False)
    print()
    print(table.pivot(index="peer", columns="set", values="mpl").to_string(float_format="%.4g"))


if __name__ == "__main__":
    main()
