"""Where in the day, the week and the year a stamp lies."""

import numpy as np
import pandas as pd

from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Times

_DAY = pd.Timedelta(days=1)
_DAYS_OF_YEAR = 365.2425


def calendar_features(local_time: Times, freq: Frequency) -> tuple[Floats, tuple[str, ...]]:
    """[.., K] calendar features of wall-clock stamps [..], and their names.

    Each cycle is a sine and a cosine, so that its end meets its beginning: the time of day for
    steps below a day, weekday and a weekend flag for steps below a week, and the day of the year
    for steps below a year. K is 0 for yearly steps.
    """
    step = freq.step or _calendar_step(freq)
    day = local_time.astype("datetime64[D]")
    columns: dict[str, Floats] = {}
    if step < _DAY:
        of_day = (local_time - day) / np.timedelta64(1, "D")
        columns |= _cycle("time_of_day", of_day)
    if step < 7 * _DAY:
        # 1970-01-01 was a Thursday, day 3 of a week that begins on Monday.
        weekday = (day.astype(np.int64) + 3) % 7
        columns |= _cycle("weekday", weekday / 7)
        columns["weekend"] = (weekday >= 5).astype(np.float64)
    if step < 365 * _DAY:
        of_year = (local_time - day.astype("datetime64[Y]")) / np.timedelta64(1, "D")
        columns |= _cycle("day_of_year", of_year / _DAYS_OF_YEAR)
    features = np.stack(list(columns.values()), -1) if columns else np.empty((*day.shape, 0))
    return features, tuple(columns)


def _cycle(name: str, phase: Floats) -> dict[str, Floats]:
    return {f"{name}_sin": np.sin(2 * np.pi * phase), f"{name}_cos": np.cos(2 * np.pi * phase)}


def _calendar_step(freq: Frequency) -> pd.Timedelta:
    """Roughly one step of a frequency without a fixed length."""
    stamps = freq.range(np.datetime64("2024-01-01", "us"), 3)
    return pd.Timedelta(stamps[2] - stamps[1])
