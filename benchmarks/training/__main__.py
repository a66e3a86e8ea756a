"""Run named benchmarks and write one Markdown and one CSV file for each.

python -m benchmarks.training f3 forward_gradient --seeds 3 --out benchmarks/out/training
"""

import argparse
import importlib
from pathlib import Path

import torch

from benchmarks.training.tables import write_tables

BENCHMARKS = ("f3", "transformer", "forward_gradient", "cost")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("names", nargs="+", choices=[*BENCHMARKS, "all"], metavar="NAME",
                        help=f"all, or some of: {', '.join(BENCHMARKS)}")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/training"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    names = BENCHMARKS if "all" in options.names else options.names
    for name in names:
        module = importlib.import_module(f"benchmarks.training.{name}")
        print(write_tables(name, module.run(options.seeds), options.out))


if __name__ == "__main__":
    main()
