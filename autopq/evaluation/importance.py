"""Permutation importance by group of inputs (Breiman 2001; groups: Au et al. 2022): how much worse
a model's forecasts become when it is shown one group of another time.

It looks at the model from outside, so that it means the same for trees, networks, flows and
averages of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from autopq.data.panel import Floats, Ints, Panel, Windows
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.evaluation.scores import mean_pinball

HISTORY = "history"
CALENDAR = "calendar"
STATICS = "static_features"
_MOST_WINDOWS = 64
_REPEATS = 2


@dataclass(frozen=True)
class Importance:
    """`increase` is the share by which the mean pinball loss grows without the group; about 0 or
    less where the model makes nothing of it. `spread` is half the range over the repeats."""

    group: str
    loss: float
    increase: float
    spread: float

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self)}


def permutation_importance(
    forecast: Callable[[Windows], Floats],
    windows: Windows,
    rng: np.random.Generator,
    check_stop: Callable[[], None] = lambda: None,
) -> list[Importance]:
    """The groups by importance, the greatest first: the history of the target, the calendar, each
    known covariate by its name, and static features. `forecast` gives quantiles [n, H, Q] on the
    dense grid; at most 64 windows are asked for, evenly spaced. Empty for fewer than two windows.
    `check_stop` is called before each group and raises where the caller would have an end.
    """
    count = min(len(windows), _MOST_WINDOWS)
    if count < 2:
        return []
    windows = windows.take(np.linspace(0, len(windows) - 1, count).astype(np.int64))
    target = windows.target()

    def loss(shown: Windows) -> float:
        return mean_pinball(target, forecast(shown), DENSE_LEVELS)

    usual = loss(windows)
    found = []
    for place, group in enumerate(groups_of(windows.panel)):
        check_stop()
        losses = [loss(_without(windows, place, rng)) for _ in range(_REPEATS)]
        mean = float(np.mean(losses))
        scale = usual if usual > 0 else 1.0
        spread = (max(losses) - min(losses)) / 2 / scale
        found.append(Importance(group, mean, (mean - usual) / scale, spread))
    return sorted(found, key=lambda importance: -importance.increase)


def forecasts_needed(windows: Windows) -> int:
    """How many forecasts `permutation_importance` asks for."""
    return min(len(windows), _MOST_WINDOWS) * (1 + _REPEATS * len(groups_of(windows.panel)))


def groups_of(panel: Panel) -> tuple[str, ...]:
    """What can be taken away from a model on this panel."""
    statics = (STATICS,) if panel.statics is not None and len(panel.sizes) > 1 else ()
    return (HISTORY, CALENDAR, *panel.covariate_names, *statics)


def _without(windows: Windows, place: int, rng: np.random.Generator) -> Windows:
    """Without the group at that place of `groups_of`: a covariate may have another group's name."""
    panel = windows.panel
    column = place - len((HISTORY, CALENDAR))
    if 0 <= column < len(panel.covariate_names):
        return _Shuffled(
            **{name: getattr(windows, name) for name in windows.__dataclass_fields__},
            donor=windows.take(rng.permutation(len(windows))),
            column=column,
        )
    if place == 0:
        return replace(windows, panel=replace(panel, target=panel.target[_other_days(panel, rng)]))
    if place == 1:
        rows = rng.permutation(len(panel.local_time))
        return replace(windows, panel=replace(panel, local_time=panel.local_time[rows]))
    assert panel.statics is not None
    others = rng.permutation(len(panel.sizes))
    statics = replace(panel.statics, values=panel.statics.values[others])
    return replace(windows, panel=replace(panel, statics=statics))


def _other_days(panel: Panel, rng: np.random.Generator) -> Ints:
    """[N] rows of which each series' known ones change places by whole seasons: what is known
    keeps its shape and loses its place."""
    rows = np.arange(len(panel.target))
    season = panel.freq.season
    for offset, length in zip(panel.offsets, panel.lengths, strict=True):
        whole = length // season
        blocks = offset + rng.permutation(whole)[:, None] * season + np.arange(season)
        rows[offset : offset + whole * season] = blocks.ravel()
    return rows


@dataclass(frozen=True)
class _Shuffled(Windows):
    """Windows that see one covariate of other windows, each as it was known there."""

    donor: Windows | None = None
    column: int = 0

    def take(self, which: Any) -> "Windows":
        assert self.donor is not None
        taken = cast(_Shuffled, super().take(which))
        return replace(taken, donor=self.donor.take(which))

    def covariates_at(self, rows: Ints) -> Floats:
        assert self.donor is not None
        panel, donor = self.panel, self.donor
        found = super().covariates_at(rows)
        shape = (len(self),) + (1,) * (rows.ndim - 1)
        first = panel.offsets[donor.series].reshape(shape)
        last = first + panel.sizes[donor.series].reshape(shape) - 1
        moved = rows + (donor.start - self.start).reshape(shape)
        there = donor.covariates_at(np.clip(moved, first, last))
        found[..., self.column] = there[..., self.column]
        return found
