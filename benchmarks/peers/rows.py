"""Features of the LightGBM peers: a row per (origin, step), made here and not shared with the
product, so that the comparison is between systems and not between two ends of one."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchmarks.peers.task import Floats, Ints, Task
from benchmarks.series import HORIZON

History = Literal["long", "day"]
Offset = Literal["none", "level", "alike"]

_DAYS_BACK = (1, 2, 3, 4, 5, 6, 7, 8, 14, 21, 28)
_RECENT = (1, 2, 3, 4, 6, 12)
_SPANS = (6, 24, 72, 168, 672)
_DAY_SPAN = 25
_NEIGHBOURS = (-3, -2, -1, 1, 2, 3)
FIRST_ORIGIN = {"long": 28 * 24 + 1, "day": _DAY_SPAN}


@dataclass(frozen=True)
class Rows:
    """[n * 24, K] features; targets are relative to `offset` [n, 24]."""

    x: npt.NDArray[np.float32]
    offset: Floats


@dataclass(frozen=True)
class Layout:
    """Which features: how far back they look, what levels are relative to, and whether the day
    of the year is among them, which misleads where the training rows saw each day but once."""

    history: History
    offset: Offset
    yearly: bool


def rows(task: Task, at: Ints, layout: Layout) -> Rows:
    """Features of the windows from `at`, using the target before each origin alone."""
    history, offset = layout.history, layout.offset
    columns = _long(task, at) if history == "long" else _day(task, at)
    alike, level = columns[-2:]
    shift = {"none": np.zeros((len(at), 1)), "level": level, "alike": alike}[offset]
    values = [column - shift for column in columns]
    if offset != "none":
        values.append(shift)
    values += _spread(task, at, history) + _known_ahead(task, at, layout.yearly)
    shape = (len(at), HORIZON)
    x = np.stack([np.broadcast_to(value, shape) for value in values], axis=-1)
    return Rows(x.reshape(-1, len(values)).astype(np.float32), np.broadcast_to(shift, shape).copy())


def _long(task: Task, at: Ints) -> list[Floats]:
    """Levels; the last two are the mean of the last four days of the same type, workday or weekend,
    at the same hour, and the mean of the week before the origin."""
    step = at[:, None] + np.arange(HORIZON)
    days = [task.y[step - 24 * days] for days in _DAYS_BACK]
    recent = [task.y[at - lag][:, None] for lag in _RECENT]
    means = [_window(task, at, span).mean(axis=1, keepdims=True) for span in _SPANS]
    weekend = task.clock.dayofweek.to_numpy() >= 5
    back = np.arange(1, 15) * 24
    alike = weekend[step[..., None] - back] == weekend[step][..., None]
    first = alike & (np.cumsum(alike, axis=-1) <= 4)
    count = np.maximum(first.sum(axis=-1), 1)
    same = np.where(first, task.y[step[..., None] - back], 0.0).sum(axis=-1) / count
    week = _window(task, at, 168).mean(axis=1, keepdims=True)
    return [*days, *recent, *means, same, week]


def _day(task: Task, at: Ints) -> list[Floats]:
    """The last 25 values in order; the last two columns are the day before and their mean."""
    recent = [task.y[at - lag][:, None] for lag in range(1, _DAY_SPAN + 1)]
    same_hour = task.y[at[:, None] + np.arange(HORIZON) - 24]
    return [*recent, same_hour, _window(task, at, _DAY_SPAN).mean(axis=1, keepdims=True)]


def _spread(task: Task, at: Ints, history: History) -> list[Floats]:
    spans = (24, 168) if history == "long" else (24,)
    return [_window(task, at, span).std(axis=1, keepdims=True) for span in spans]


def _known_ahead(task: Task, at: Ints, yearly: bool) -> list[Floats]:
    step = at[:, None] + np.arange(HORIZON)
    clock = task.clock
    day_of_year = 2 * np.pi * clock.dayofyear.to_numpy() / 365.25
    columns = [np.broadcast_to(np.arange(HORIZON), step.shape), clock.hour.to_numpy()[step]]
    columns.append(clock.dayofweek.to_numpy()[step])
    if yearly:
        columns += [np.sin(day_of_year)[step], np.cos(day_of_year)[step]]
    if task.holiday is not None:
        columns += [task.holiday[step], task.holiday[step - 24]]
    for values in task.covariates.T:
        own = values[step]
        columns.append(own)
        # Nothing beyond the horizon is known at the origin.
        last = step[:, -1:]
        columns += [values[np.minimum(step + shift, last)] for shift in _NEIGHBOURS]
        columns += [f(own, axis=1, keepdims=True) for f in (np.mean, np.min, np.max)]
        columns.append(own - values[step - 24])
    return columns


def _window(task: Task, at: Ints, span: int) -> Floats:
    """[n, span] the values before each origin."""
    values: Floats = task.y[at[:, None] + np.arange(-span, 0)]
    return values
