"""When forecasts are issued, and for when.

A forecast is issued where the local clock reaches one of a task's issue times, and begins
`lead_time` steps later or, with `delivery_day`, where a later local day begins.

A delivery day keeps one horizon for every model: the steps of the longest day, 25 hours where
the clock is set back in autumn. Windows begin where the day does; what reaches beyond a shorter
day is trained and scored on as well, but cut from forecasts.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autopq.data.frequency import Frequency
from autopq.data.panel import Ints, Panel, Times, Windows
from autopq.data.zones import to_local
from autopq.errors import InputError, Issue
from autopq.task import MAX_HORIZON, TaskConfig

Mask = npt.NDArray[np.bool_]

_DAY = np.timedelta64(1, "D")
_MOST_NAMED = 4  # clock times of the grid named in a finding


def issue_rows(panel: Panel, issue_times: Sequence[str] | None) -> Mask:
    """[N] rows at which a forecast is issued: the first row of its series at or after each issue
    time (`HH:MM`) of each local day. All rows when no times are given.

    Where the clock skips an issue time in spring, the next row counts; where it repeats one in
    autumn, the first of the two.
    """
    if issue_times is None:
        return np.ones(len(panel.time), bool)
    issued = np.zeros(len(panel.time), bool)
    for offset, size in zip(panel.offsets, panel.sizes, strict=True):
        own = slice(int(offset), int(offset + size))
        issued[own] = _passes(panel.local_time[own], issue_times)
    return issued


def check_issue_times(panel: Panel, issue_times: Sequence[str] | None) -> list[Issue]:
    """Findings for times that no row has on the local clock."""
    if issue_times is None:
        return []
    clock = np.unique(_time_of_day(panel.local_time))
    return [
        Issue(
            "issue_times",
            f"no row is at {time}{_on(panel)}; rows are at {_listed(clock)}.",
            "Give times at which the table has rows.",
        )
        for time in issue_times
        if _minutes(time) not in clock
    ]


def settled(config: TaskConfig, panel: Panel) -> TaskConfig:
    """The task with the horizon and lead time that its delivery day means on this panel's clock.

    Raises InputError for a delivery day on steps of a day or longer.
    """
    if config.delivery_day is None or config.issue_times is None:
        return config
    step = panel.freq.step
    if step is None or not panel.freq.is_subdaily:
        raise InputError(
            Issue(
                "delivery_day",
                f"the step is '{panel.freq.alias}', no part of a day.",
                "Leave `delivery_day` out and give `horizon` and `lead_time` in steps.",
            )
        )
    width = step.to_timedelta64()
    until_midnight = _DAY - _minutes(config.issue_times[0])
    longest = _DAY + _longest_change(panel)
    if config.delivery_day == 0:
        longest, until_midnight = longest - _DAY + until_midnight, np.timedelta64(0)
    lead = until_midnight + max(config.delivery_day - 1, 0) * _DAY
    if max(longest, lead) // width > MAX_HORIZON:
        raise InputError(
            Issue(
                "delivery_day",
                f"is further ahead than {MAX_HORIZON} steps of '{panel.freq.alias}'.",
                "Resample the rows to longer steps.",
            )
        )
    return config.model_copy(
        update={"horizon": int(-(-longest // width)), "lead_time": int(-(-lead // width))}
    )


def reach(config: TaskConfig, freq: Frequency) -> int:
    """Rows from an origin to the last step that a forecast issued there may have."""
    if config.delivery_day is None:
        return config.lead_time + config.horizon
    days = config.delivery_day + 2  # from any time of the day, on days of any length
    return days * (freq.steps_per_day or 1) + config.horizon


def issued(
    panel: Panel, origins: Sequence[Ints], config: TaskConfig, *, nominal: Mask | None = None
) -> Windows:
    """Windows of forecasts issued at `origins[s]` (rows within series s).

    A delivery day begins with its first row. Where `nominal` [N] holds, the task's usual lead
    time stands instead: forecasts from other hours than the issue time, to learn from.
    """
    windows = panel.windows(origins, config.horizon, config.lead_time)
    if config.delivery_day is None:
        return windows
    lead = np.full(len(windows), config.lead_time, np.int64)
    for s, (offset, size) in enumerate(zip(panel.offsets, panel.sizes, strict=True)):
        own = windows.series == s
        days = _days(panel.local_time[offset : offset + size])
        origin = windows.origin[own]
        begins = np.searchsorted(days, days[origin] + config.delivery_day * _DAY)
        lead[own] = np.maximum(begins - origin, 0)
    if nominal is not None:
        at = panel.offsets[windows.series] + windows.origin
        lead = np.where(nominal[at], config.lead_time, lead)
    return Windows(panel, windows.series, windows.origin, config.horizon, lead)


def delivered(windows: Windows, config: TaskConfig) -> Mask:
    """[n, H] which steps a forecast is asked for: all of them, or those of the delivery day."""
    if config.delivery_day is None:
        return np.ones((len(windows), windows.horizon), bool)
    days = _days(windows.panel.local_time[windows.steps].T).T
    asked: Mask = days == days[:, :1]
    return asked


def _passes(local: Times, issue_times: Sequence[str]) -> Mask:
    """[n] where the clock of one series comes to or past one of the times for the first time."""
    # An hour that is repeated when the clock is set back has been reached before.
    reached = np.maximum.accumulate(local)
    passed = np.zeros(len(local), bool)
    for time in issue_times:
        day = (reached - _minutes(time)).astype("datetime64[D]")
        passed[1:] |= np.diff(day) > np.timedelta64(0)
        passed[:1] |= _time_of_day(local[:1]) == _minutes(time)
    return passed


def _time_of_day(local: Times) -> npt.NDArray[np.timedelta64]:
    since_midnight: npt.NDArray[np.timedelta64] = local - local.astype("datetime64[D]")
    return since_midnight


def _minutes(time: str) -> np.timedelta64:
    hour, minute = time.split(":")
    return np.timedelta64(60 * int(hour) + int(minute), "m")


def _on(panel: Panel) -> str:
    return f" on the clock of {panel.timezone}" if panel.timezone is not None else ""


def _listed(clock: npt.NDArray[np.timedelta64]) -> str:
    names = [
        str((np.datetime64("1970-01-01") + time).astype("datetime64[m]"))[11:] for time in clock
    ]
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown}, ... and {names[-1]}"


def _days(local: Times) -> Times:
    """The local day of each stamp in order of time (first axis); it never falls back."""
    return np.maximum.accumulate(local).astype("datetime64[D]")


def _longest_change(panel: Panel) -> np.timedelta64:
    """By how much the panel's clock is set back at most, within the year after its first row."""
    if panel.timezone is None or len(panel.time) == 0:
        return np.timedelta64(0, "m")
    days = panel.time.min() + np.arange(366) * _DAY
    ahead = to_local(days, panel.timezone) - days
    change: np.timedelta64 = ahead.max() - ahead.min()
    return change
