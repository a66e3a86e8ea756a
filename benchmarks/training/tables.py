"""Result tables as Markdown and CSV, with the machine they were measured on."""

import csv
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

Cell = str | int | float


@dataclass
class Table:
    """Rows of results under a title; `notes` say what was held equal and what was checked."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += [_line([_shown(cell) for cell in row]) for row in self.rows]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes), ""])


def write_tables(name: str, tables: list[Table], folder: Path) -> str:
    """Write `<name>.md` and `<name>-<number>.csv`; the Markdown text."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join([f"# {name}", "", machine(), "", *(table.markdown() for table in tables)])
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    for number, table in enumerate(tables, 1):
        with (folder / f"{name}-{number}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table.columns)
            writer.writerows(table.rows)
    return text


def mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, lowest and highest: the three columns of a score over seeds."""
    return mean(values), min(values), max(values)


def machine() -> str:
    return (
        f"{os.cpu_count()} cores of {_processor()}, {torch.get_num_threads()} thread(s) used, "
        f"load average {os.getloadavg()[0]:.1f} at the end, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _line(cells: object) -> str:
    assert isinstance(cells, list | tuple)
    return "| " + " | ".join(cells) + " |"


def _shown(cell: Cell) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
