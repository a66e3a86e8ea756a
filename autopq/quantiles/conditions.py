"""What a flow is told of a forecast situation: one vector a window."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autopq.data.calendar import calendar_features
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import State
from autopq.forecasters.scaling import SeriesScale

# Longer stretches (a horizon, a history) are averaged down to this many values.
_MAX_STEPS = 96
# Standardised inputs beyond this say no more than "extreme", but could carry a network anywhere.
_CLIP = 6.0

# A network told the day of the year must have seen each season come back: after less than this a
# new season is no interpolation, and its answers run wild.
_ENOUGH_YEARS = np.timedelta64(548, "D")

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ConditionEncoder:
    """Recent history, calendar and covariates of the steps and, if wished, the point forecast.

    History and points are scaled by their series' training rows, covariates by the training
    windows'; nothing of a window's own target enters.
    """

    scale: SeriesScale
    history: int  # rows before the origin
    with_points: bool
    with_day_of_year: bool
    covariate_center: Floats  # [F]
    covariate_deviation: Floats  # [F]

    @classmethod
    def fit(cls, windows: Windows, *, scale: SeriesScale, history: int, with_points: bool) -> Self:
        covariates = windows.future_covariates()
        center = covariates.mean(axis=(0, 1))
        deviation = covariates.std(axis=(0, 1))
        deviation = np.where(deviation > 1e-12 * (1 + np.abs(center)), deviation, 1.0)
        stamps = windows.panel.local_time[windows.start]
        long_enough = bool(stamps.max() - stamps.min() >= _ENOUGH_YEARS)
        return cls(scale, history, with_points, long_enough, center, deviation)

    def encode(self, windows: Windows, points: Floats | None) -> Tensor:
        """float32 [n, C] on the CPU. `points` [n, H] are needed only `with_points`."""
        panel = windows.panel
        calendar, names = calendar_features(panel.local_time[windows.steps], panel.freq)
        told = [self.with_day_of_year or not name.startswith("day_of_year") for name in names]
        covariates = windows.future_covariates() - self.covariate_center
        parts: list[Floats | Singles] = [
            self._of_series(windows, windows.history(self.history))[:, :, None],
            calendar[..., told],
            covariates / self.covariate_deviation,
        ]
        if self.with_points:
            if points is None:
                raise ValueError("this condition needs point forecasts")
            parts.append(self._of_series(windows, points)[:, :, None])
        flat = [_pooled(part, _MAX_STEPS).reshape(len(windows), -1) for part in parts]
        condition = np.clip(np.concatenate(flat, axis=1, dtype=np.float32), -_CLIP, _CLIP)
        return torch.from_numpy(condition)

    def units(self, windows: Windows) -> tuple[Floats, Floats]:
        """Center and scale [n, 1] of each window's series."""
        center, scale = self.scale.of(windows.panel)
        return center[windows.series][:, None], scale[windows.series][:, None]

    def scaled(self, windows: Windows, values: Floats) -> Singles:
        """[n, ...] values of the target in its series' units."""
        center, scale = self.units(windows)
        scaled: Singles = ((values - center) / scale).astype(np.float32)
        return scaled

    def _of_series(self, windows: Windows, values: Floats) -> Singles:
        # A series without a single known row has no history to tell of.
        return np.nan_to_num(self.scaled(windows, values), nan=0.0)

    def to_state(self) -> State:
        scale = self.scale.to_state()
        arrays = {
            **scale.arrays,
            "covariate_center": self.covariate_center,
            "covariate_deviation": self.covariate_deviation,
        }
        meta = {
            "history": self.history,
            "with_points": self.with_points,
            "with_day_of_year": self.with_day_of_year,
        }
        return State(arrays, {**scale.meta, **meta})

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls(
            SeriesScale.from_state(state),
            int(state.meta["history"]),
            bool(state.meta["with_points"]),
            bool(state.meta["with_day_of_year"]),
            state.arrays["covariate_center"],
            state.arrays["covariate_deviation"],
        )


def default_history(windows: Windows) -> int:
    """Rows of history a condition holds unless told otherwise: the horizon or two short seasons,
    whichever is longer."""
    return max(windows.horizon, 2 * windows.panel.freq.season)


def _pooled(values: Floats | Singles, steps: int) -> Singles:
    """[n, T, K] averaged over stretches of neighbouring steps to at most [n, steps, K]."""
    length = values.shape[1]
    if length <= steps or values.shape[2] == 0:
        return values.astype(np.float32)
    edges = np.linspace(0, length, steps + 1).astype(np.int64)
    sums = np.add.reduceat(values, edges[:-1], axis=1)
    pooled: Singles = (sums / np.diff(edges)[None, :, None]).astype(np.float32)
    return pooled
