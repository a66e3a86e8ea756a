"""Inputs of networks that read a stretch of history: values, and what is known around them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from autopq.data.calendar import calendar_features
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import State
from autopq.forecasters.scaling import SeriesScale
from autopq.forecasters.standardizer import Standardizer

_SAMPLE_WINDOWS = 512


@dataclass(frozen=True)
class Sequences:
    """Windows as tensors, in units of each series' spread around the mean of their own history;
    the way back is `absolute`."""

    values: Tensor  # [n, L] history, oldest first
    known: Tensor  # [n, L + H, K] calendar and covariates of past and future steps
    level: Floats  # [n] in the target's units
    unit: Floats  # [n]

    def relative(self, target: Floats) -> Tensor:
        """[n, H] target as a network sees it."""
        return _tensor((target - self.level[:, None]) / self.unit[:, None])

    def absolute(self, relative: Tensor) -> Floats:
        """[n, H] network output in the target's units."""
        found: Floats = relative.numpy().astype(np.float64)
        return found * self.unit[:, None] + self.level[:, None]


@dataclass(frozen=True)
class SequenceBuilder:
    """Turns windows into `Sequences` with `history` rows before the origin. Fitted on training
    windows: the scale of each series and of each known variable."""

    scale: SeriesScale
    standardizer: Standardizer
    history: int

    @classmethod
    def fit(cls, train: Windows, history: int) -> Self:
        draft = cls(SeriesScale.fit(train), Standardizer.fit(np.zeros((1, 1), np.float32)), history)
        chosen = np.unique(np.linspace(0, len(train) - 1, _SAMPLE_WINDOWS).astype(np.int64))
        known = draft._known(train.take(chosen))
        flat = known.reshape(-1, known.shape[-1]).astype(np.float32)
        return cls(draft.scale, Standardizer.fit(flat), history)

    @property
    def known(self) -> int:
        """K, the number of known variables."""
        return len(self.standardizer.mean)

    def build(self, windows: Windows) -> Sequences:
        center, scale = self.scale.of(windows.panel)
        values = windows.history(self.history)
        # Before the first known value of a series nothing stands in but what is usual for it.
        values = np.where(np.isfinite(values), values, center[windows.series][:, None])
        level, unit = values.mean(axis=1), scale[windows.series]
        known = self._known(windows)
        flat = self.standardizer.transform(known.reshape(-1, known.shape[-1]).astype(np.float32))
        return Sequences(
            _tensor((values - level[:, None]) / unit[:, None]),
            torch.from_numpy(flat.reshape(known.shape)),
            level,
            unit,
        )

    def _known(self, windows: Windows) -> Floats:
        """[n, L + H, K] of the rows before the origin and the steps to forecast."""
        panel = windows.panel
        back = np.maximum(windows.origin[:, None] + np.arange(-self.history, 0), 0)
        rows = np.concatenate(
            [panel.offsets[windows.series][:, None] + back, windows.steps], axis=1
        )
        calendar, _ = calendar_features(panel.local_time[rows], panel.freq)
        # A network needs something known, if only that there is nothing.
        nothing = np.zeros((*rows.shape, 1))
        return np.concatenate([calendar, windows.covariates_at(rows), nothing], axis=-1)

    def to_state(self) -> State:
        scale = self.scale.to_state()
        return State(
            {**scale.arrays, **self.standardizer.to_arrays()},
            {**scale.meta, "history": self.history},
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls(
            SeriesScale.from_state(state),
            Standardizer.from_arrays(state.arrays),
            int(state.meta["history"]),
        )


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
