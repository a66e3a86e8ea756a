"""Seasonal regressors from the clock: what a linear model needs to draw a day, a week or a year."""

import numpy as np

from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Times

_DAY = np.timedelta64(1, "D")
_DAYS_OF_YEAR = 365.2425


def seasonal_terms(local_time: Times, freq: Frequency, harmonics: int) -> Floats:
    """[..., K] sines and cosines of the shortest season, at most `harmonics` of each.

    Below daily: of the time of day, once for all days and once for weekends, and of the weekday.
    For days: of the weekday. For longer steps: of the day of the year. K is 0 where there is no
    season.
    """
    day = local_time.astype("datetime64[D]")
    weekday = (day.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    if freq.is_subdaily:
        of_day = (local_time - day) / _DAY
        daily = _waves(of_day, min(harmonics, max(1, freq.season // 2)))
        weekend = (weekday >= 5).astype(np.float64)[..., None]
        weekly = _waves(weekday / 7, 3)
        return np.concatenate([daily, weekend, weekend * daily, weekly], axis=-1)
    if freq.season == 1:
        return np.empty((*local_time.shape, 0))
    if freq.is_fixed and freq.seasons[0] == 7:
        return _waves(weekday / 7, min(harmonics, 3))
    of_year = (day - day.astype("datetime64[Y]")) / _DAY / _DAYS_OF_YEAR
    return _waves(of_year, min(harmonics, max(1, freq.season // 2)))


def _waves(phase: Floats, count: int) -> Floats:
    """[..., 2 count] sines and cosines of 1 to `count` cycles."""
    angle = 2 * np.pi * phase[..., None] * np.arange(1, count + 1)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=-1)
