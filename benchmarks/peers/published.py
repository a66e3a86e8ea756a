"""The windows of the published AutoPQ and its benchmarks: 24 lags, 24 hours of every covariate
and five calendar features, all z-scored on the training part (Meisenbacher et al. 2024).

Two slips of the reference are not repeated: the newest known value is part of the history, and
the calendar's cycles close (24 hours and 12 months, not 23 and 11).
"""

from dataclasses import dataclass

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.peers.task import Floats, Ints, Task
from benchmarks.series import HORIZON

Singles = npt.NDArray[np.float32]

LAGS = 24


@dataclass(frozen=True)
class PublishedWindows:
    """A task in z-scores."""

    task: Task
    mean: float
    spread: float
    y: Floats  # [N]
    known: Floats  # [N, F + 5] covariates and calendar

    @classmethod
    def of(cls, task: Task) -> "PublishedWindows":
        seen = task.y[: task.i_val]
        mean, spread = float(seen.mean()), float(seen.std())
        covariates = task.covariates
        if covariates.shape[1]:
            past = covariates[: task.i_val]
            covariates = (covariates - past.mean(axis=0)) / past.std(axis=0)
        known = np.concatenate([covariates, _calendar(task.clock)], axis=1)
        return cls(task, mean, spread, (task.y - mean) / spread, known)

    def origins(self) -> tuple[Ints, Ints]:
        """Training origins before `i_val`, and validation origins."""
        last = self.task.i_val - HORIZON
        train = np.arange(2 * HORIZON, last + 1)
        return train, np.arange(self.task.i_val, self.task.i_test - HORIZON + 1)

    def inputs(self, at: Ints) -> Singles:
        """[n, 24 (F + 6)] flattened features of the windows from `at`."""
        steps = at[:, None] + np.arange(HORIZON)
        ahead = self.known[steps].reshape(len(at), -1)
        history = self.y[at[:, None] + np.arange(-LAGS, 0)]
        return np.concatenate([ahead, history], axis=1).astype(np.float32)

    def targets(self, at: Ints) -> Singles:
        """[n, 24] in z-scores."""
        return ((self.task.targets(at) - self.mean) / self.spread).astype(np.float32)

    def original(self, z: npt.NDArray[np.floating]) -> Floats:
        """Back in the target's units."""
        return np.asarray(z, np.float64) * self.spread + self.mean


def _calendar(clock: pd.DatetimeIndex) -> Floats:
    """[N, 5] workday of the German calendar, as published, and the cycles of hour and month."""
    days = holidays.country_holidays("DE", years=sorted(set(clock.year)))
    off = np.array([day in days for day in clock.date])
    hour, month = 2 * np.pi * clock.hour / 24, 2 * np.pi * (clock.month - 1) / 12
    workday = (~off & (clock.dayofweek.to_numpy() < 5)).astype(float)
    return np.stack([workday, np.cos(hour), np.sin(hour), np.sin(month), np.cos(month)], axis=1)
