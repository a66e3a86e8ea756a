"""`climatology`: what is usual at this time of day, day type and month. Needs no history."""

from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from autopq.context import FitContext
from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Times, Windows
from autopq.forecasters.base import PointForecaster, State
from autopq.forecasters.scaling import SeriesScale, known_rows

_MONTHS = 12
# A median of fewer values follows single days rather than the calendar.
_MIN_VALUES = 8

Cells = npt.NDArray[np.int64]


def calendar_cells(local_time: Times, freq: Frequency) -> tuple[Cells, int]:
    """The calendar cell of each stamp, without the month, and how many there are: step of the
    day and workday or weekend below daily, the weekday for days, one cell otherwise."""
    day = local_time.astype("datetime64[D]")
    weekday = (day.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    steps = freq.steps_per_day
    if steps is None:
        daily = freq.is_fixed and freq.seasons[0] == 7
        return (weekday, 7) if daily else (np.zeros_like(weekday), 1)
    seconds = (local_time - day).astype("timedelta64[s]").astype(np.int64)
    return (seconds * steps // 86_400) + steps * (weekday >= 5), 2 * steps


def months(local_time: Times) -> Cells:
    """Month of each stamp, 0 to 11."""
    return local_time.astype("datetime64[M]").astype(np.int64) % _MONTHS


class Climatology(PointForecaster):
    """Median of the training rows in the same calendar cell and month; where a month was hardly
    seen, in the same cell of any month."""

    name: ClassVar[str] = "climatology"
    # Every row counts, also those between the windows.
    learns_from_windows: ClassVar[bool] = False

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        panel = train.panel
        self._scale = SeriesScale.fit(train)
        cell, count = calendar_cells(panel.local_time, panel.freq)
        month = months(panel.local_time)
        minimum = _MIN_VALUES if panel.freq.is_subdaily else 1
        series_count = len(panel.item_ids)
        self._table = np.empty((series_count, _MONTHS, count))
        for s, rows in enumerate(known_rows(train)):
            usual = _medians(panel.target[rows], cell[rows], count, 1, self._scale.center[s])
            by_month = month[rows] * count + cell[rows]
            anyway = np.tile(usual, _MONTHS)
            self._table[s] = _medians(
                panel.target[rows], by_month, _MONTHS * count, minimum, anyway
            ).reshape(_MONTHS, count)

    def predict(self, windows: Windows) -> Floats:
        panel = windows.panel
        local = panel.local_time[windows.steps]
        cell, _ = calendar_cells(local, panel.freq)
        known = {item: s for s, item in enumerate(self._scale.item_ids)}
        everyone = len(known)
        which = np.array([known.get(item, everyone) for item in panel.item_ids], np.int64)
        table = np.concatenate([self._table, np.median(self._table, axis=0)[None]])
        forecast: Floats = table[which[windows.series][:, None], months(local), cell]
        return forecast

    def state(self) -> State:
        scale = self._scale.to_state()
        return State({**scale.arrays, "table": self._table}, scale.meta)

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls()
        forecaster._scale = SeriesScale.from_state(state)
        forecaster._table = state.arrays["table"]
        return forecaster


def _medians(
    values: Floats, cells: Cells, count: int, minimum: int, fallback: Floats | float
) -> Floats:
    """[count] median per cell; `fallback` for cells with fewer than `minimum` values."""
    known = np.isfinite(values)
    order = np.argsort(cells[known], kind="stable")
    ordered = values[known][order]
    bounds = np.searchsorted(cells[known][order], np.arange(count + 1))
    medians = np.broadcast_to(np.asarray(fallback, np.float64), (count,)).copy()
    for cell in np.flatnonzero(np.diff(bounds) >= minimum):
        medians[cell] = np.median(ordered[bounds[cell] : bounds[cell + 1]])
    return medians
