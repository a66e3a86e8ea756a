"""Run named benchmarks and write one Markdown and one CSV file for each.

python -m benchmarks.training f3 forward_gradient --seeds 3 --out benchmarks/out/training
"""

import argparse
import importlib
from pathlib import Path

import torch

from benchmarks.training.tables import write_tables

BENCHMARKS = ("f3", "transformer", "forward_gradient", "cost")
ON_A_SERIES = ("oialr", "ab_training")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    known = (*BENCHMARKS, *ON_A_SERIES)
    parser.add_argument(
        "names",
        nargs="+",
        choices=[*known, "all"],
        metavar="NAME",
        help=f"all, or some of: {', '.join(known)}",
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--data",
        type=Path,
        help=f"CSV of an hourly series with columns ts and y, for {' and '.join(ON_A_SERIES)}",
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/training"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    names = known if "all" in options.names else options.names
    if options.data is None and set(names) & set(ON_A_SERIES):
        parser.error(f"{' and '.join(ON_A_SERIES)} need --data")
    for name in names:
        module = importlib.import_module(f"benchmarks.training.{name}")
        data = (options.data,) if name in ON_A_SERIES else ()
        print(write_tables(name, module.run(options.seeds, *data), options.out))


if __name__ == "__main__":
    main()
