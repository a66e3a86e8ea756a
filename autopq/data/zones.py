"""Clock time and the time line: wall-clock stamps to UTC and back."""

import re
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.data.panel import Ints, Times
from autopq.errors import InputError, Issue

_FIXED = re.compile(r"([+-])(\d\d):(\d\d)")


def zone(name: str) -> tzinfo:
    """The zone of an IANA name such as `Europe/Berlin`, or of a fixed offset such as `+01:00`.

    Raises InputError for an unknown name.
    """
    if fixed := _FIXED.fullmatch(name):
        offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        if offset < timedelta(days=1):
            return timezone(-offset if fixed[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            Issue(
                "timezone",
                f"'{name}' is not a known time zone.",
                "Give an IANA name such as 'Europe/Berlin' or 'UTC'.",
            )
        ) from error


def to_local(utc: Times, name: str) -> Times:
    """[N] wall-clock stamps of UTC instants."""
    index = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(zone(name))
    return index.tz_localize(None).as_unit("us").to_numpy()


def to_utc(local: Times, series: Ints, name: str) -> Times:
    """[N] UTC instants of wall-clock stamps, NaT where the clock skipped that hour.

    Rows of one series lie together, in order of time. The hour that the clock repeats in autumn
    is told apart by that order: its first run is summer time, and from the row where the clock
    falls back (the stamp does not rise) it is winter time. A series that passes the hour only
    once is taken to lack the hour it does not adjoin.
    """
    place, index = zone(name), pd.DatetimeIndex(local)
    first, second = (_localize(index, place, np.full(len(index), dst)) for dst in (True, False))
    repeated = (first != second) & ~np.isnat(first) & ~np.isnat(second)
    utc = np.where(repeated, first, second)
    rows = np.flatnonzero(repeated)
    if len(rows) == 0:
        return utc
    breaks = (np.diff(rows) != 1) | (np.diff(series[rows]) != 0) | _new_night(local[rows])
    for run in np.split(rows, np.flatnonzero(breaks) + 1):
        falls = np.flatnonzero(np.diff(local[run]) <= np.timedelta64(0))
        if len(falls):
            utc[run[falls[0] + 1 :]] = second[run[falls[0] + 1 :]]
        elif _adjoins_winter(run, utc, first, second, series):
            utc[run] = second[run]
    return utc


def _localize(index: pd.DatetimeIndex, place: tzinfo, summer: npt.NDArray[np.bool_]) -> Times:
    aware = index.tz_localize(place, ambiguous=summer, nonexistent="NaT")
    return aware.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy()


def _new_night(local: Times) -> npt.NDArray[np.bool_]:
    return np.abs(np.diff(local)) > np.timedelta64(12, "h")


def _adjoins_winter(run: Ints, utc: Times, first: Times, second: Times, series: Ints) -> bool:
    """Whether a repeated hour passed once lies closer to the row after it than before it."""
    before, after = run[0] - 1, run[-1] + 1
    if before < 0 or series[before] != series[run[0]]:
        return False
    if after >= len(utc) or series[after] != series[run[0]]:
        return False
    return bool(utc[after] - second[run[-1]] < first[run[0]] - utc[before])
