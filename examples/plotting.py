"""A fan chart: what was, the median of what comes, and how sure it is."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt


def fan_chart(
    times: pd.Series,
    values: pd.Series,
    forecast: pd.DataFrame,
    levels: Sequence[float],
    path: Path,
    *,
    label: str = "load (kW)",
) -> None:
    """Write history and quantile bands as a PNG.

    `forecast` has `timestamp` and one column a level, named by it, with levels symmetric about
    0.5.
    """
    figure, axes = plt.subplots(figsize=(9, 4), dpi=120)
    axes.plot(times, values, color="#444444", linewidth=1.2, label="history")
    stamps = pd.to_datetime(forecast["timestamp"])
    lower = [level for level in levels if level < 0.5]
    for shade, level in enumerate(lower):
        axes.fill_between(
            stamps,
            forecast[f"{level:g}"],
            forecast[f"{1 - level:g}"],
            color="#1f77b4",
            alpha=0.2 + 0.15 * shade,
            linewidth=0,
            label=f"{100 * (1 - 2 * level):.0f} % interval",
        )
    axes.plot(stamps, forecast["0.5"], color="#0b3d66", linewidth=1.4, label="median forecast")
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(mdates.AutoDateLocator()))
    axes.grid(alpha=0.25)
    axes.legend(loc="lower left", ncols=4, frameon=False, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
