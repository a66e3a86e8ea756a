"""One benchmark in a process of its own."""

import importlib
import time
from pathlib import Path

import torch

from benchmarks.training.tables import write_tables

# The long ones first: they run side by side.
ON_A_SERIES = ("ab_training", "oialr")
BENCHMARKS = (*ON_A_SERIES, "forward_gradient", "transformer", "cost", "f3")


def run_section(name: str, seeds: int, data: Path | None, out: Path) -> tuple[str, str, float]:
    """(name, its tables as Markdown, seconds), in a process of its own."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    module = importlib.import_module(f"benchmarks.training.{name}")
    tables = module.run(seeds, *((data,) if name in ON_A_SERIES else ()))
    return name, write_tables(name, tables, out), time.perf_counter() - began
