"""The step of a series and the seasons that follow from it."""

from dataclasses import dataclass

import pandas as pd

from autopq.errors import InputError, Issue

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Frequency:
    """A regular step, as a pandas offset alias (`h`, `15min`, `D`, `W-SUN`, `MS`)."""

    alias: str

    @property
    def offset(self) -> pd.DateOffset:
        return pd.tseries.frequencies.to_offset(self.alias)

    @property
    def step(self) -> pd.Timedelta | None:
        """The fixed length of one step; None for calendar steps such as months."""
        try:
            return pd.Timedelta(self.offset.nanos, unit="ns") if self.is_fixed else None
        except ValueError:
            return None

    @property
    def is_fixed(self) -> bool:
        return isinstance(self.offset, pd.tseries.offsets.Tick | pd.tseries.offsets.Day)

    @property
    def is_subdaily(self) -> bool:
        """Sub-daily series live on the time line (UTC); others on the calendar."""
        return isinstance(self.offset, pd.tseries.offsets.Tick) and self.step < _DAY

    @property
    def steps_per_day(self) -> int | None:
        return round(_DAY / self.step) if self.is_subdaily else None

    @property
    def seasons(self) -> tuple[int, ...]:
        """Season lengths in steps, shortest first: a day and a week below daily; a week and a
        year for days; a year otherwise."""
        if self.is_subdaily:
            day = max(1, self.steps_per_day or 1)
            return (day, 7 * day)
        name = self.alias.split("-")[0].lstrip("0123456789")
        return {"D": (7, 364), "B": (5, 260), "W": (52,), "MS": (12,), "ME": (12,), "M": (12,)}.get(
            name, (4,) if name.startswith("Q") else (1,)
        )

    @property
    def season(self) -> int:
        """The shortest season, in steps."""
        return self.seasons[0]


def infer_frequency(times: pd.DatetimeIndex) -> Frequency:
    """The step of sorted, distinct stamps: pandas' own inference, else the commonest difference.

    Raises InputError when fewer than three stamps are given or no step dominates.
    """
    mend = "Give `freq` (for example 'h' or '15min') or send a regular series."
    if len(times) < 3:
        raise InputError(Issue("timestamp", "too few rows to find the frequency.", mend))
    alias = pd.infer_freq(times)
    if alias is None:
        differences = pd.Series(times[1:] - times[:-1])
        common = differences.mode().iloc[0]
        if (differences == common).mean() < 0.5:
            raise InputError(Issue("timestamp", "the rows follow no regular step.", mend))
        alias = pd.tseries.frequencies.to_offset(common).freqstr
    return Frequency(alias)
