"""What a peer is given: one series, where it may learn from, and what it has to forecast."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.series import HORIZON, Series, first_test_row, origins

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VALIDATION_FRACTION = 0.3


@dataclass(frozen=True)
class Task:
    """One hourly series. Everything fitted or chosen comes from rows before `i_test`; a forecast
    from `origins[i]` may also use the target of all rows before it."""

    series: Series
    clock: pd.DatetimeIndex  # [N]
    y: Floats  # [N]
    covariates: Floats  # [N, F] known ahead
    holiday: Floats | None  # [N] 1 on public holidays, where the product is told the country
    i_val: int  # validation is the last 30 % of the rows before `i_test`
    i_test: int
    origins: Ints  # [n] first rows of the windows to forecast

    @classmethod
    def read(cls, series: Series, folder: Path) -> "Task":
        frame = series.read(folder)
        i_test = first_test_row(len(frame))
        return cls(
            series=series,
            clock=pd.DatetimeIndex(frame.index),
            y=frame[series.target].to_numpy(float),
            covariates=frame[list(series.covariates)].to_numpy(float),
            holiday=_holiday(pd.DatetimeIndex(frame.index), series.holidays),
            i_val=int(i_test - i_test * VALIDATION_FRACTION),
            i_test=i_test,
            origins=origins(frame),
        )

    def targets(self, at: Ints) -> Floats:
        """[n, 24] true values of the windows from `at`."""
        values: Floats = self.y[at[:, None] + np.arange(HORIZON)]
        return values

    def clip(self, quantiles: Floats) -> Floats:
        """Inside the series' physical limits."""
        return np.clip(quantiles, self.series.lower, self.series.upper)


def _holiday(clock: pd.DatetimeIndex, country: str | None) -> Floats | None:
    if country is None:
        return None
    known = holidays.country_holidays(country, years=sorted(set(clock.year)))
    return np.array([day in known for day in clock.date], dtype=float)


# Ascending levels [L] and quantiles [n, 24, L] for every origin of the task.
Answer = tuple[Floats, Floats]
Peer = Callable[[Task, int], Answer]
