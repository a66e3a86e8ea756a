"""The product on a series that the benchmarks know: its table and its task."""

from pathlib import Path
from typing import Any

import pandas as pd

from autopq import TaskConfig
from benchmarks.series import HORIZON, Series


def read_table(series: Series, folder: Path) -> pd.DataFrame:
    """The series as a user would send it.

    The files' clocks slip where rows were dropped; rows are what is scored, so every series is
    given an unbroken clock.
    """
    frame = series.read(folder)
    table = frame.rename_axis("timestamp").reset_index()
    table["timestamp"] = pd.date_range(frame.index[0], periods=len(frame), freq="h")
    return table


def task(series: Series, seed: int, **settings: Any) -> TaskConfig:
    """Forecasts of a day, issued at midnight; `settings` as `TaskConfig` takes them."""
    return TaskConfig(
        target=series.target,
        timestamp="timestamp",
        horizon=HORIZON,
        freq="h",
        known_covariates=series.covariates,
        lower=series.lower,
        upper=series.upper,
        holidays=series.holidays,
        issue_times=("00:00",),
        seed=seed,
        **settings,
    )
