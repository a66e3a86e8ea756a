"""What was known when of covariates: forecasts of the weather are revised, measurements come late.

A table with an `available_at` column may hold several rows a stamp, one a vintage. A window is
given the newest vintage that its origin knows, in training as in use.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from autopq.data.panel import Floats, Ints, Panel, Times
from autopq.data.rows import ALWAYS, Rows
from autopq.errors import InputError, Issue

_MOST_NAMED = 5  # findings of one kind named row by row
_NEVER = np.datetime64("9999-12-31", "us")


@dataclass(frozen=True)
class Vintages:
    """Every vintage of a panel's covariates, by flat row and then by when it became known.

    V = vintages of all rows, F = covariates of the table. A value that a vintage leaves empty is
    that of the vintage before.
    """

    row: Ints  # [V] flat row of the panel
    available: Times  # [V] on the panel's time line
    values: Floats  # [V, F] NaN where no vintage so far gave the value

    @classmethod
    def of(cls, rows: Rows, panel: Panel) -> "Vintages":
        """The vintages of all rows of the panel; rows of the table before a series' first target
        have no place there. `rows` are sorted by series, time and availability."""
        flat = _flat_rows(rows, panel)
        some = (flat >= 0) & np.isfinite(rows.covariates).any(axis=1)
        row, values = flat[some], rows.covariates[some]
        last = np.maximum.accumulate(
            np.where(np.isfinite(values), np.arange(len(values))[:, None], -1), axis=0
        )
        own = (last >= 0) & (row[last] == row[:, None])
        return cls(
            row, rows.available[some], np.where(own, np.take_along_axis(values, last, 0), np.nan)
        )

    def at(self, rows: Ints, moment: Times) -> Floats:
        """[..., F] covariates of flat `rows` [...] as they were known at `moment`, of the same
        shape; NaN where nothing was."""
        count = len(self._moments) + 1
        known = np.searchsorted(self._moments, moment, side="right")
        position = np.searchsorted(self._keys, rows * count + known, side="right") - 1
        found = (position >= 0) & (self.row[position] == rows)
        values: Floats = np.where(found[..., None], self.values[position], np.nan)
        return values

    def first_known(self, size: int) -> Times:
        """[size, F] when each value of each flat row was first known: from the start where no
        vintage has one."""
        first = np.full((size, self.values.shape[1]), _NEVER)
        when = np.where(np.isnan(self.values), _NEVER, self.available[:, None])
        np.minimum.at(first, self.row, when)
        return np.where(first == _NEVER, ALWAYS, first)

    @cached_property
    def _moments(self) -> Times:
        return np.unique(self.available)

    @cached_property
    def _keys(self) -> Ints:
        """[V] ascending: flat row, then which of the moments."""
        since = np.searchsorted(self._moments, self.available) + 1
        keys: Ints = self.row * (len(self._moments) + 1) + since
        return keys


def one_a_stamp(rows: Rows, target: str | None) -> Rows:
    """The rows with one for each series and stamp, without their covariates.

    Raises InputError where vintages of one stamp disagree on the target.
    """
    begins = np.ones(len(rows.time), bool)
    begins[1:] = (np.diff(rows.series) != 0) | (np.diff(rows.time) != np.timedelta64(0))
    group = np.cumsum(begins) - 1
    known = np.isfinite(rows.target)
    merged = np.full(int(group[-1]) + 1, np.nan)
    merged[group[known][::-1]] = rows.target[known][::-1]
    differs = np.flatnonzero(known & (rows.target != merged[group]))
    if len(differs):
        raise InputError(
            [
                Issue(
                    target or "target",
                    f"vintages of {_stamp(rows.time[i])} have the values {merged[group[i]]:g} and "
                    f"{rows.target[i]:g} ({len(differs)} such rows in all).",
                    "The target has one value a stamp: give it in one vintage, or in all alike.",
                    int(rows.number[i]),
                )
                for i in differs[:_MOST_NAMED]
            ]
        )
    kept = rows.take(begins)
    return replace(kept, target=merged, covariates=np.full_like(kept.covariates, np.nan))


def with_vintages(panel: Panel, rows: Rows, *, keep: bool) -> Panel:
    """The panel with its covariates as they were known when their time came and, for rows still
    ahead, as they are known now; with all vintages if they are to be kept."""
    vintages = Vintages.of(rows, panel)
    present = panel.present[panel.series]
    covariates = vintages.at(np.arange(len(panel.time)), np.minimum(panel.time, present))
    return replace(panel, covariates=covariates, vintages=vintages if keep else None)


def _flat_rows(rows: Rows, panel: Panel) -> Ints:
    """[V] flat row of the panel for each row of the table, -1 where it has none."""
    flat = np.full(len(rows.time), -1, np.int64)
    position = {item: s for s, item in enumerate(panel.item_ids)}
    bounds = np.searchsorted(rows.series, np.arange(len(rows.item_ids) + 1))
    for number, item in enumerate(rows.item_ids):
        s, own = position[item], slice(int(bounds[number]), int(bounds[number + 1]))
        offset, size = int(panel.offsets[s]), int(panel.sizes[s])
        time = panel.time[offset : offset + size]
        place = np.minimum(np.searchsorted(time, rows.time[own]), size - 1)
        flat[own] = np.where(time[place] == rows.time[own], offset + place, -1)
    return flat


def _stamp(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")
