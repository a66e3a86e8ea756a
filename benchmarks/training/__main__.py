"""Run named benchmarks and write one Markdown and one CSV file for each.

python -m benchmarks.training f3 forward_gradient --seeds 3 --out benchmarks/out/training
"""

import argparse
import multiprocessing
import re
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.training.section import BENCHMARKS, ON_A_SERIES, run_section
from benchmarks.training.tables import Table

SECONDS_LIMIT = 15 * 60


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument(
        "names",
        nargs="+",
        choices=[*BENCHMARKS, "all"],
        metavar="NAME",
        help=f"all, or some of: {', '.join(BENCHMARKS)}",
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="benchmarks that run at a time")
    parser.add_argument(
        "--data",
        type=Path,
        help=f"CSV of an hourly series with columns ts and y, for {' and '.join(ON_A_SERIES)}",
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/training"))
    parser.add_argument("--report", type=Path, help="Markdown file of everything that was run")
    options = parser.parse_args()
    names = list(BENCHMARKS if "all" in options.names else dict.fromkeys(options.names))
    if options.data is None and set(names) & set(ON_A_SERIES):
        parser.error(f"{' and '.join(ON_A_SERIES)} need --data")
    began = time.perf_counter()
    parts, took = [], Table("How long it took", ("benchmark", "seconds"))
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=processes, max_tasks_per_child=1) as pool:
        one = partial(run_section, seeds=options.seeds, data=options.data, out=options.out)
        for name, text, seconds in pool.map(one, names):
            print(text, flush=True)
            parts.append(text)
            took.rows.append((name, round(seconds)))
    seconds = time.perf_counter() - began
    took.rows.append((f"together, {options.jobs} at a time", round(seconds)))
    verdict = "held" if seconds < SECONDS_LIMIT else "NOT held"
    took.notes.append(f"asked: less than {SECONDS_LIMIT} seconds with 3 seeds: {verdict}")
    print(took.markdown())
    if options.report is not None:
        head = f"# What `python -m benchmarks.training {' '.join(options.names)}` found\n"
        sections = [re.sub("(?m)^#", "##", part) for part in (took.markdown(), *parts)]
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text("\n".join([head, *sections]), encoding="utf-8")


if __name__ == "__main__":
    main()
