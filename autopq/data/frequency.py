"""The step of a series and the seasons that follow from it."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.errors import InputError, Issue

_DAY = pd.Timedelta(days=1)
_FIELD = "freq"
_MEND = "Give `freq` (for example 'h', '15min', 'D', 'MS') or send a regular series."
# Old spellings people still type, and what pandas calls them now.
_OLD_ALIASES = {"H": "h", "T": "min", "S": "s", "M": "ME", "Q": "QE", "Y": "YE", "A": "YE"}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
# Season lengths of steps that have no fixed length; a year has about 260 business days.
_CALENDAR_SEASONS = {
    "B": (5, 260),
    "MS": (12,),
    "ME": (12,),
    "QS": (4,),
    "QE": (4,),
    "YS": (1,),
    "YE": (1,),
}
_LEAST_SHARE = 0.5  # of the differences that must equal the commonest one

Times = npt.NDArray[np.datetime64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Frequency:
    """A regular step, as a pandas offset alias (`h`, `15min`, `D`, `W-SUN`, `MS`)."""

    alias: str

    @cached_property
    def offset(self) -> pd.tseries.offsets.BaseOffset:
        return pd.tseries.frequencies.to_offset(self.alias)

    @cached_property
    def step(self) -> pd.Timedelta | None:
        """The fixed length of one step; None for calendar steps such as months."""
        if isinstance(self.offset, pd.offsets.Tick):
            return pd.Timedelta(self.offset.nanos, unit="ns")
        if isinstance(self.offset, pd.offsets.Day):
            return self.offset.n * _DAY
        if isinstance(self.offset, pd.offsets.Week):
            return self.offset.n * 7 * _DAY
        return None

    @property
    def is_fixed(self) -> bool:
        return self.step is not None

    @property
    def is_subdaily(self) -> bool:
        """Sub-daily series live on the time line (UTC); others on the calendar."""
        return self.step is not None and self.step < _DAY

    @property
    def steps_per_day(self) -> int | None:
        """Whole steps in a day, rounded; None from one day upwards."""
        if self.step is None or not self.is_subdaily:
            return None
        return round(_DAY / self.step)

    @cached_property
    def seasons(self) -> tuple[int, ...]:
        """Season lengths in steps, shortest first: a day and a week below daily; a week and a
        year of whole weeks for days; a year otherwise. (1,) where there is none."""
        if self.steps_per_day is not None:
            return (self.steps_per_day, 7 * self.steps_per_day)
        count = self.offset.n
        if self.step is not None:
            days = round(self.step / _DAY)
            lengths = [round(span / days) for span in (7, 364) if span % days == 0 and span > days]
            return tuple(lengths) or (1,)
        return tuple(
            max(1, round(length / count))
            for length in _CALENDAR_SEASONS[_calendar_name(self.offset)]
        )

    @property
    def season(self) -> int:
        """The shortest season, in steps."""
        return self.seasons[0]

    def range(self, start: np.datetime64, count: int) -> Times:
        """[count] stamps from `start`, which lies on the grid, at this step."""
        if self.step is not None:
            step = np.timedelta64(round(self.step / pd.Timedelta(microseconds=1)), "us")
            stamps: Times = start.astype("datetime64[us]") + np.arange(count) * step
            return stamps
        dates = pd.date_range(pd.Timestamp(start), periods=count, freq=self.offset)
        return dates.to_numpy().astype("datetime64[us]")


def parse_frequency(alias: str) -> Frequency:
    """The frequency of an alias a person typed.

    Raises InputError when the step is unknown, not positive or of an unsupported kind.
    """
    match = re.fullmatch(r"\s*(\d*)\s*([A-Za-z]+)(-[A-Za-z]+)?\s*", alias)
    offset = None
    if match:
        count, name, anchor = match.groups(default="")
        try:
            offset = pd.tseries.frequencies.to_offset(
                f"{count}{_OLD_ALIASES.get(name, name)}{anchor}"
            )
        except ValueError:
            offset = None
    if offset is None or offset.n < 1:
        raise InputError(Issue(_FIELD, f"'{alias}' is not a known step.", _MEND))
    frequency = Frequency(_canonical(offset.freqstr))
    if frequency.step is None and _calendar_name(offset) not in _CALENDAR_SEASONS:
        raise InputError(Issue(_FIELD, f"the step '{alias}' is not supported.", _MEND))
    if isinstance(offset, pd.offsets.Tick):
        return frequency_of_step(pd.Timedelta(offset.nanos, unit="ns"))
    return frequency


def frequency_of_step(step: pd.Timedelta) -> Frequency:
    """The frequency of a fixed step, in days where it is a multiple of one."""
    if step % _DAY == pd.Timedelta(0):
        days = step // _DAY
        return Frequency("D" if days == 1 else f"{days}D")
    return Frequency(pd.tseries.frequencies.to_offset(step).freqstr)


def infer_frequency(times: Times | pd.DatetimeIndex, series: Ints | None = None) -> Frequency:
    """The commonest step of stamps that rise within each series; gaps do not matter.

    `series` [N] numbers the series of each stamp, one behind the other (one series by default).
    Raises InputError when there are fewer than three stamps or no step dominates.
    """
    stamps = pd.DatetimeIndex(times).as_unit("us")
    differences = np.diff(stamps.to_numpy())
    if series is not None:
        differences = differences[np.diff(series) == 0]
    if len(differences) < 2:
        raise InputError(Issue(_FIELD, "there are too few rows to find the step.", _MEND))
    values, counts = np.unique(differences, return_counts=True)
    common = pd.Timedelta(values[counts.argmax()])
    if common >= pd.Timedelta(days=28) and (frequency := _monthly(stamps, common)):
        return frequency
    if common <= pd.Timedelta(0) or counts.max() / len(differences) < _LEAST_SHARE:
        raise InputError(Issue(_FIELD, "the rows follow no regular step.", _MEND))
    if common == _DAY and _is_business_daily(stamps):
        return Frequency("B")
    weekdays = stamps.day_of_week.unique()
    if common == 7 * _DAY and len(weekdays) == 1:
        return Frequency(f"W-{_WEEKDAYS[weekdays[0]]}")
    return frequency_of_step(common)


def _is_business_daily(stamps: pd.DatetimeIndex) -> bool:
    weekdays = stamps.day_of_week
    covers_weekends = stamps.max() - stamps.min() >= 7 * _DAY
    return covers_weekends and bool((weekdays < 5).all()) and weekdays.nunique() == 5


def _monthly(stamps: pd.DatetimeIndex, common: pd.Timedelta) -> Frequency | None:
    """Months, quarters or years on the first or last day of a month; None otherwise."""
    if (stamps.day == 1).all():
        edge = "S"
    elif stamps.is_month_end.all():
        edge = "E"
    else:
        return None
    months = round(common / pd.Timedelta(days=30.4369))
    anchor = _MONTHS[stamps[0].month - 1]
    if months == 3:
        return Frequency(_canonical(f"Q{edge}-{anchor}"))
    if months == 12:
        return Frequency(f"Y{edge}-{anchor}")
    return Frequency(f"M{edge}" if months == 1 else f"{months}M{edge}")


def _calendar_name(offset: pd.tseries.offsets.BaseOffset) -> str:
    return offset.freqstr.lstrip("0123456789").split("-")[0]


def _canonical(alias: str) -> str:
    """One name for one grid: quarters that begin in January or in April are the same."""
    if match := re.fullmatch(r"(\d*Q[SE])-([A-Z]{3})", alias):
        quarter = _MONTHS.index(match[2]) % 3
        return f"{match[1]}-{_MONTHS[quarter if match[1].endswith('S') else quarter + 9]}"
    return alias
