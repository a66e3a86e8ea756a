"""Where forecasts are issued: the rows at which the local clock reaches a task's issue times."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autopq.data.panel import Panel, Times
from autopq.errors import Issue

Mask = npt.NDArray[np.bool_]

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
