"""Which past values a row-wise forecaster looks at, for any frequency.

Two time scales matter below daily, the day and the week; for days the week and the year;
otherwise the year alone. Lags count whole seasons back to the last season that is known at the
origin, so that they stay defined for horizons longer than a season.
"""

from dataclasses import dataclass

import numpy as np

from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Ints, Windows

_HOURS_PER_DAY = 24
_RECENT = (1, 2, 3, 4, 6)
_DAYS_SEARCHED_FOR_SAME_TYPE = 14
_SAME_TYPE_DAYS = 4


@dataclass(frozen=True, slots=True)
class Lookback:
    """Lags and window lengths in steps (`recent`, `spans`) or in seasons (`season_lags`,
    `long_lags`)."""

    season: int
    long_season: int
    recent: tuple[int, ...]
    season_lags: tuple[int, ...]
    long_lags: tuple[int, ...]
    spans: tuple[int, ...]

    @classmethod
    def of(cls, freq: Frequency) -> "Lookback":
        season, long_season = freq.seasons[0], freq.seasons[-1]
        if not freq.is_subdaily:
            return cls(
                season,
                long_season,
                recent=tuple(range(1, 8)),
                season_lags=(1, 2, 3, 4),
                long_lags=(1,) if long_season != season else (),
                spans=_spans(season // 4, season, 4 * season) or (4,),
            )
        hour = max(1, season // _HOURS_PER_DAY)
        return cls(
            season,
            long_season,
            recent=tuple(sorted({*_RECENT, *(hour * lag for lag in _RECENT)})),
            # Seven days back is the first weekly lag.
            season_lags=(1, 2, 3, 4, 5, 6, 8),
            long_lags=(1, 2, 3, 4),
            spans=_spans(season // 4, season, long_season, 4 * long_season),
        )

    def rows(self, horizon: int) -> int:
        """Rows before the origin that can matter for a forecast over `horizon` steps."""
        days = self.season * max(*self.season_lags, _DAYS_SEARCHED_FOR_SAME_TYPE)
        return max(days, self.long_season * max((*self.long_lags, 1)) + 1, *self.spans, horizon)


def known_values(windows: Windows, rows: Ints) -> Floats:
    """Filled target at `rows` [n, ...] within each window's series; NaN for rows at or after the
    origin or before the series' start. Every look at the target passes here."""
    shape = (len(windows),) + (1,) * (rows.ndim - 1)
    known = (rows >= 0) & (rows < windows.origin.reshape(shape))
    first = windows.panel.offsets[windows.series].reshape(shape)
    return np.where(known, windows.panel.filled[first + np.where(known, rows, 0)], np.nan)


def season_values(windows: Windows, season: int, counts: tuple[int, ...]) -> Floats:
    """[n, H, len(counts)] the value of the same season step, `counts` known seasons back."""
    ahead = windows.ahead[:, :, None]
    back = season * (ahead // season + np.array(counts))
    return known_values(windows, windows.origin[:, None, None] + ahead - back)


def span_statistics(windows: Windows, span: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation [n] of the known values among the last `span` rows; NaN where
    there is none."""
    values = known_values(windows, windows.origin[:, None] + np.arange(-span, 0))
    known = np.isfinite(values)
    count = known.sum(axis=1)
    some = np.maximum(count, 1)
    mean = np.where(known, values, 0.0).sum(axis=1) / some
    deviation = np.where(known, values - mean[:, None], 0.0)
    spread = np.sqrt((deviation**2).sum(axis=1) / some)
    return np.where(count > 0, mean, np.nan), np.where(count > 0, spread, np.nan)


def same_type_mean(windows: Windows, lookback: Lookback) -> Floats:
    """[n, H] mean of the last four known days of the step's own type (workday or weekend) at the
    same time of day; of the last four seasons for daily and coarser series. NaN where none is
    known."""
    if not windows.panel.freq.is_subdaily:
        return _mean_of_first(season_values(windows, lookback.season, (1, 2, 3, 4)), 4)
    counts = tuple(range(1, _DAYS_SEARCHED_FOR_SAME_TYPE + 1))
    values = season_values(windows, lookback.season, counts)
    ahead = windows.ahead[:, :, None]
    back = lookback.season * (ahead // lookback.season + np.array(counts))
    rows = np.maximum(windows.origin[:, None, None] + ahead - back, 0)
    rows += windows.panel.offsets[windows.series][:, None, None]
    local = windows.panel.local_time
    alike = _is_weekend(local[rows]) == _is_weekend(local[windows.steps])[..., None]
    return _mean_of_first(np.where(alike, values, np.nan), _SAME_TYPE_DAYS)


def _mean_of_first(values: Floats, count: int) -> Floats:
    """Mean of the first `count` finite entries on the last axis; NaN where none is finite."""
    finite = np.isfinite(values)
    used = finite & (np.cumsum(finite, axis=-1) <= count)
    total = np.where(used, values, 0.0).sum(axis=-1)
    number = used.sum(axis=-1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _is_weekend(local_time: np.ndarray) -> np.ndarray:
    days = local_time.astype("datetime64[D]").astype(np.int64)
    return (days + 3) % 7 >= 5  # 1970-01-01 was a Thursday


def _spans(*lengths: int) -> tuple[int, ...]:
    """Distinct lengths worth a statistic, shortest first."""
    return tuple(sorted({length for length in lengths if length > 1}))
