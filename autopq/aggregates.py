"""Sums, peaks and ramps over days or the whole horizon, as distributions.

A quantile of a sum is no sum of quantiles: it depends on how the steps move together. These are
therefore computed path by path from a forecast's joint draws. Shapes: k groups (a series and a
window each), S paths.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.evaluation.grid import empirical
from autopq.forecast import Forecast

Floats = npt.NDArray[np.float64]
Measure = Literal["sum", "mean", "max", "min", "ramp"]
Window = Literal["day", "horizon"]

_REDUCTIONS: dict[str, Callable[..., Floats]] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
}


@dataclass(frozen=True)
class Aggregates:
    """One measure of every window of every series, path by path.

    `sum` adds the values of the steps up (of kW at hourly steps: kWh), `max` is the peak, `ramp`
    the largest change between neighbouring steps, NaN in a window of one step. The others are in
    the target's units.
    """

    windows: pd.DataFrame  # item_id, start, end (first and last step), steps
    samples: Floats  # [k, S]

    def to_frame(self, levels: Sequence[float]) -> pd.DataFrame:
        """`item_id, start, end, steps` and a column per level in (0, 1), named as the level."""
        values = empirical(self.samples, levels)
        columns = pd.DataFrame(values, columns=[f"{level:g}" for level in levels])
        return pd.concat([self.windows, columns], axis=1)


def aggregate(forecast: Forecast, measure: Measure, window: Window) -> Aggregates:
    """A forecast's paths by local calendar day or as a whole. Days at the ends of the horizon may
    be parts of days: `steps` says how much of them there is.

    Raises ValueError for a forecast that was loaded without its paths.
    """
    n, count, horizon = forecast.paths.shape
    if count == 0:
        raise ValueError("the forecast was loaded without its sample paths")
    index = forecast.index()
    windows: list[dict[str, object]] = []
    samples = np.empty((0, count))
    parts = []
    for series in range(n):
        stamps = index["timestamp"].iloc[series * horizon : (series + 1) * horizon]
        paths = forecast.paths[series].astype(np.float64)
        for steps in _steps(stamps, window):
            first, last = stamps.iloc[steps.start], stamps.iloc[steps.stop - 1]
            windows.append(
                {
                    "item_id": forecast.item_ids[series],
                    "start": first,
                    "end": last,
                    "steps": steps.stop - steps.start,
                }
            )
            parts.append(_measured(paths[:, steps], measure))
    if parts:
        samples = np.stack(parts)
    return Aggregates(pd.DataFrame(windows), samples)


def _steps(stamps: "pd.Series[pd.Timestamp]", window: Window) -> list[slice]:
    """The steps of each window; stamps ascend, so those of a day lie together."""
    if window == "horizon":
        return [slice(0, len(stamps))]
    days = stamps.dt.tz_localize(None).dt.normalize().to_numpy()
    begins = np.append(0, np.flatnonzero(days[1:] != days[:-1]) + 1)
    return [
        slice(int(a), int(b)) for a, b in zip(begins, np.append(begins[1:], len(days)), strict=True)
    ]


def _measured(paths: Floats, measure: Measure) -> Floats:
    """[S] the measure of paths [S, steps]."""
    if measure == "ramp":
        if paths.shape[1] < 2:
            return np.full(len(paths), np.nan)
        return np.asarray(np.abs(np.diff(paths, axis=1)).max(axis=1))
    return np.asarray(_REDUCTIONS[measure](paths, axis=1))
