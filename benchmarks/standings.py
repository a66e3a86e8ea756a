"""Who is ahead, and by how much more than chance: forecast files of many systems, side by side.

    python -m benchmarks.standings --data DIR --files DIR [--base default] [--peers a,b] [--out F]

Reads every `<set>__<system>.npz` below `--files`, as `benchmarks.accuracy`, `benchmarks.peers` and
`benchmarks.peers.autogluon` write them; of several files for a set and system (seeds, in folders of
their own) losses are averaged, and two systems compared on the seeds that both have. Prints, as
Markdown: the mean pinball loss of each system; the loss of every preset of AutoPQ as a share of the
best peer's and of `--base`'s, with a 95 % interval from a circular block bootstrap over days
(blocks of a week); geometric means over the sets; coverage, and what each run took.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.evaluation.grid import PERCENT_LEVELS, interpolate, monotone
from autopq.evaluation.scores import evaluate, pinball
from benchmarks.series import HORIZON, KNOWN, Series, origins

Floats = npt.NDArray[np.float64]
OURS = "autopq-"
_DRAWS, _BLOCK = 4000, 7
_COSTS = {"seconds": "wall_s", "CPU s": "cpu_s", "MB": "peak_rss_mb", "Wh": "energy_wh"}


def score(file: Path, series: Series, data: Path) -> tuple[Floats, dict[str, float]]:
    """Mean pinball loss of each origin [n], and the row's other figures.

    Raises ValueError for a file that is of other windows.
    """
    frame = series.read(data)
    at = origins(frame)
    stored = np.load(file, allow_pickle=False)
    if not np.array_equal(stored["origins"], at):
        raise ValueError(f"{file}: its origins are not those of {series.name}")
    truth = frame[series.target].to_numpy()[at[:, None] + np.arange(HORIZON)]
    raw = interpolate(stored["quantiles"], stored["levels"], PERCENT_LEVELS)
    quantiles = np.clip(
        monotone(raw),
        -np.inf if series.lower is None else series.lower,
        np.inf if series.upper is None else series.upper,
    )
    losses: Floats = pinball(truth, quantiles, PERCENT_LEVELS).mean(axis=(1, 2))
    scores = evaluate(truth, quantiles, PERCENT_LEVELS)
    meta = json.loads(str(stored["meta"]))
    figures = {
        "seed": float(meta.get("seed", 0)),
        "cov50": scores["coverage_50"],
        "cov90": scores["coverage_90"],
        "crossing": float((np.diff(raw, axis=-1) < 0).mean()),
        **{name: float(meta[key]) for name, key in _COSTS.items() if key in meta},
    }
    return losses, figures


def paired(one: Floats, other: Floats) -> tuple[float, float, float]:
    """Ratio of the mean losses of the same days [n], and its 95 % interval."""
    rng, n = np.random.default_rng(0), len(one)
    first = rng.integers(0, n, (_DRAWS, -(-n // _BLOCK)))
    days = ((first[..., None] + np.arange(_BLOCK)) % n).reshape(_DRAWS, -1)[:, :n]
    low, high = np.quantile(one[days].mean(axis=1) / other[days].mean(axis=1), [0.025, 0.975])
    return float(one.mean() / other.mean()), float(low), float(high)


def markdown(table: pd.DataFrame, index: str) -> str:
    """The table with its index first, cells as they are or to four digits."""
    cells = table.map(lambda cell: cell if isinstance(cell, str) else f"{cell:.4g}")
    lines = [[index, *table.columns], ["---"] * (1 + len(table.columns))]
    lines += [[str(name), *row] for name, row in zip(cells.index, cells.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# Losses by day [n] of one system, by set and seed.
Losses = dict[str, dict[int, Floats]]


def read(files: Path, data: Path) -> tuple[dict[str, Losses], pd.DataFrame]:
    """Losses of every system, and a row a file."""
    known = {series.name: series for series in KNOWN}
    losses: dict[str, Losses] = defaultdict(lambda: defaultdict(dict))
    rows: list[dict[str, Any]] = []
    for file in sorted(files.rglob("*__*.npz")):
        name, _, system = file.stem.partition("__")
        found, figures = score(file, known[name], data)
        losses[system][name][int(figures.pop("seed"))] = found
        rows.append({"system": system, "set": name, "mpl": found.mean()} | figures)
    return losses, pd.DataFrame(rows)


def averaged(losses: dict[int, Floats], seeds: Collection[int] | None = None) -> Floats:
    """[n] over all seeds, or over some."""
    mean: Floats = np.mean([losses[seed] for seed in seeds or losses], axis=0)
    return mean


def ratios(one: Losses, others: dict[str, Losses]) -> dict[str, Any]:
    """By set: the ratio to the best of the others, and its interval; and their geometric mean.
    Against a single other system, over the seeds that both have."""
    row: dict[str, Any] = {}
    found = []
    for name, losses in one.items():
        rivals = [other[name] for other in others.values() if name in other]
        if not rivals:
            continue
        rival = min(rivals, key=lambda rival: float(averaged(rival).mean()))
        shared = losses.keys() & rival.keys() if len(others) == 1 else None
        ratio, low, high = paired(averaged(losses, shared), averaged(rival, shared))
        found.append(ratio)
        row[name] = f"{ratio:.3f} ({low:.3f} to {high:.3f})"
    row["geometric mean"] = f"{np.exp(np.mean(np.log(found))):.3f}" if found else ""
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--files", type=Path, required=True, help="folder of forecast files")
    parser.add_argument("--base", default="default", help="preset the others are compared with")
    parser.add_argument("--peers", help="comma-separated; all systems but AutoPQ when not given")
    parser.add_argument("--out", type=Path, help="Markdown file to write as well")
    options = parser.parse_args()
    systems, runs = read(options.files, options.data)
    ours = [name for name in systems if name.startswith(OURS)]
    peers = options.peers.split(",") if options.peers else [n for n in systems if n not in ours]
    if unknown := sorted({*peers} - {*systems}):
        parser.error(f"no files of {unknown}; there are {sorted(systems)}")
    loss = runs.pivot_table(index="system", columns="set", values="mpl")
    against = {"the best peer": {name: systems[name] for name in peers}}
    against |= {name: {name: systems[name]} for name in (*peers, OURS + options.base)}
    compared = {
        f"{one} / {label}": ratios(systems[one], others)
        for one in ours
        for label, others in against.items()
        if others and label != one and label in ("the best peer", *systems)
    }
    took = runs.groupby(["system", "set"]).mean(numeric_only=True).reset_index("set")
    took.insert(1, "runs", runs.groupby(["system", "set"]).size().to_numpy())
    parts = [
        "Mean pinball loss:",
        markdown(loss.loc[[*[n for n in loss.index if n in peers], *ours]], "system"),
        "Shares of it, with 95 % intervals over days:",
        markdown(pd.DataFrame(compared).T.fillna(""), "systems"),
        "By run, averaged over seeds:",
        markdown(took, "system"),
    ]
    text = "\n\n".join(parts)
    print(text)
    if options.out is not None:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
