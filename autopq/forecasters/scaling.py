"""What a forecaster remembers of each series: its level and its spread."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from autopq.data.panel import Floats, Panel, Windows
from autopq.forecasters.base import State


def known_rows(windows: Windows) -> list[slice]:
    """Per series the flat rows a forecaster trained on `windows` may learn from: all rows up to
    the last target step. Empty for series without a window."""
    panel = windows.panel
    ends = np.zeros(len(panel.item_ids), np.int64)
    np.maximum.at(ends, windows.series, windows.first + windows.horizon)
    ends = np.minimum(ends, panel.lengths)
    return [slice(int(o), int(o + e)) for o, e in zip(panel.offsets, ends, strict=True)]


@dataclass(frozen=True)
class SeriesScale:
    """Median and spread of each series' training rows, in the target's units.

    A series that was not trained on gets the median over series: forecasters then still answer,
    in the right order of magnitude if the series are alike.
    """

    item_ids: tuple[str, ...]
    center: Floats  # [S]
    scale: Floats  # [S] standard deviation, never zero

    @classmethod
    def fit(cls, windows: Windows) -> Self:
        """From the training rows of `windows` alone."""
        panel = windows.panel
        center = np.full(len(panel.item_ids), np.nan)
        scale = np.full(len(panel.item_ids), np.nan)
        for s, rows in enumerate(known_rows(windows)):
            values = panel.target[rows]
            values = values[np.isfinite(values)]
            if len(values):
                center[s] = np.median(values)
                scale[s] = np.std(values)
        known = np.isfinite(center)
        if not known.any():
            raise ValueError("no series has a known target in the training windows")
        center[~known] = np.median(center[known])
        # A constant series has no spread: its own size stands in, so that its errors stay small
        # next to those of the other series.
        flat = ~(scale > 1e-12 * np.maximum(1.0, np.abs(center)))
        scale[flat] = np.maximum(np.abs(center[flat]), 1.0)
        return cls(panel.item_ids, center, scale)

    def of(self, panel: Panel) -> tuple[Floats, Floats]:
        """Center and scale of the panel's series, [S] each."""
        where = np.array([self._position.get(item, -1) for item in panel.item_ids], np.int64)
        center = np.where(where < 0, np.median(self.center), self.center[where])
        scale = np.where(where < 0, np.median(self.scale), self.scale[where])
        return center, scale

    @cached_property
    def _position(self) -> dict[str, int]:
        return {item: i for i, item in enumerate(self.item_ids)}

    def to_state(self) -> State:
        return State(
            {"center": self.center, "scale": self.scale}, {"item_ids": list(self.item_ids)}
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        ids: list[Any] = state.meta["item_ids"]
        return cls(tuple(ids), state.arrays["center"], state.arrays["scale"])
