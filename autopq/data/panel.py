"""The audited table as arrays: a `Panel`, and `Windows` on it.

All series lie one behind the other in flat arrays, so that a window is an offset and gathering
windows of many series is one indexing operation. Index legend used in shapes:
N = all rows of all series, S = series, F = known covariates, n = windows, L = history, H = horizon.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from autopq.data.frequency import Frequency

if TYPE_CHECKING:
    from autopq.data.vintages import Vintages

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]

_CHUNK_WINDOWS = 65_536


@dataclass(frozen=True)
class Statics:
    """Features that tell one series from another, the same in all of its rows."""

    names: tuple[str, ...]  # [K]
    values: Floats  # [S, K]


@dataclass(frozen=True)
class Panel:
    """One or many regular series on one frequency. Rows past a series' `length` hold only
    covariates known for the future."""

    item_ids: tuple[str, ...]
    offsets: Ints  # [S] first row of each series
    lengths: Ints  # [S] rows up to the last one whose target could be known
    sizes: Ints  # [S] rows including those with future covariates only
    time: Times  # [N] UTC instants, or wall-clock stamps when no time zone is known
    local_time: Times  # [N] wall-clock stamps, for calendar features
    target: Floats  # [N] NaN where missing or in the future
    covariates: Floats  # [N, F] NaN where missing
    covariate_names: tuple[str, ...]
    freq: Frequency
    timezone: str | None
    statics: Statics | None = None
    vintages: "Vintages | None" = None  # of covariates that were revised or came late

    @cached_property
    def present(self) -> Times:
        """[S] the stamp of each series' first row that is not yet known."""
        last = self.time[self.offsets + self.lengths - 1]
        after = [self.freq.range(stamp, 2)[1] for stamp in last]
        return np.array(after, "datetime64[us]")

    @cached_property
    def filled(self) -> Floats:
        """[N] target with gaps filled from the past alone: the value one season earlier where
        there is one, else the last known value. Future rows stay NaN."""
        past = self.rows < self.lengths[self.series]
        if not (np.isnan(self.target) & past).any():
            return self.target
        season = self.freq.season
        early = self.rows < season
        filled = self.target.copy()
        filled[early] = _carried(self.target[early], self.series[early])
        # Behind each other, the rows of one series at one place in the season.
        order = np.lexsort((self.rows, self.rows % season, self.series))
        group = self.series[order] * season + self.rows[order] % season
        filled[order] = _carried(filled[order], group)
        return np.where(past, filled, np.nan)

    @cached_property
    def filled_covariates(self) -> Floats:
        """[N, F] covariates with gaps filled by the last known value; 0 before the first one."""
        if not np.isnan(self.covariates).any():
            return self.covariates
        filled = np.apply_along_axis(_carried, 0, self.covariates, self.series)
        return np.nan_to_num(filled, copy=False, nan=0.0)

    @cached_property
    def series(self) -> Ints:
        """[N] series of each row."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @cached_property
    def rows(self) -> Ints:
        """[N] row within its series, from 0."""
        rows: Ints = np.arange(len(self.target)) - self.offsets[self.series]
        return rows

    @cached_property
    def known_before(self) -> Ints:
        """[N + 1] how many rows before each flat row have a finite target."""
        return np.append(0, np.cumsum(np.isfinite(self.target)))

    @cached_property
    def first_known(self) -> Times:
        """[N] when all covariates of a row were first known; needs vintages."""
        assert self.vintages is not None
        first: Times = self.vintages.first_known(len(self.time)).max(axis=1)
        return first

    def windows(self, origins: Sequence[Ints], horizon: int, lead: int = 0) -> "Windows":
        """Windows at `origins[s]`: rows within series s, each the first that is not yet known."""
        series = np.concatenate([np.full(len(o), s, np.int64) for s, o in enumerate(origins)])
        return Windows(self, series, np.concatenate(list(origins)).astype(np.int64), horizon, lead)


@dataclass(frozen=True)
class Windows:
    """A set of forecast situations on one panel; arrays are gathered when asked for.

    `origin[i]` is the row, within its series, at which the forecast is issued: every row before
    it is known, none from it on is (but covariates). The steps to forecast begin `lead` rows
    later; those between are neither known nor forecast.
    """

    panel: Panel
    series: Ints  # [n]
    origin: Ints  # [n]
    horizon: int
    lead: Ints | int = 0  # [n], or the same for all

    @classmethod
    def joined(cls, parts: Sequence["Windows"]) -> "Windows":
        """The windows of several sets on one panel, one set behind the other."""
        return replace(
            parts[0],
            series=np.concatenate([part.series for part in parts]),
            origin=np.concatenate([part.origin for part in parts]),
            lead=np.concatenate([part.first - part.origin for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.origin)

    def take(self, which: npt.NDArray[np.bool_] | Ints | slice) -> "Windows":
        """The windows selected by a mask, positions or a slice."""
        lead = self.lead if isinstance(self.lead, int) else self.lead[which]
        return replace(self, series=self.series[which], origin=self.origin[which], lead=lead)

    @property
    def first(self) -> Ints:
        """[n] row within its series of the first step to forecast."""
        return self.origin + self.lead

    @property
    def ahead(self) -> Ints:
        """[n, H] or [1, H] rows from the origin to each step to forecast; 0 is the origin."""
        ahead: Ints = np.asarray(self.lead).reshape(-1, 1) + np.arange(self.horizon)
        return ahead

    @property
    def start(self) -> Ints:
        """[n] flat row of the first step."""
        start: Ints = self.panel.offsets[self.series] + self.first
        return start

    @property
    def steps(self) -> Ints:
        """[n, H] flat rows of the steps to forecast; clipped to the series' last row."""
        last = (self.panel.offsets + self.panel.sizes - 1)[self.series]
        steps: Ints = np.minimum(self.start[:, None] + np.arange(self.horizon), last[:, None])
        return steps

    def lagged(self, lags: Ints) -> Floats:
        """[n, H, len(lags)] filled target `lags` rows before each step. Values not yet known at
        the origin and values before the series' start are NaN."""
        back = self.origin[:, None, None] + self.ahead[:, :, None] - lags
        known = (back < self.origin[:, None, None]) & (back >= 0)
        rows = self.panel.offsets[self.series][:, None, None] + np.where(known, back, 0)
        return np.where(known, self.panel.filled[rows], np.nan)

    def history(self, length: int) -> Floats:
        """[n, L] filled target before the origin, oldest first; before the series' start its
        first value is repeated."""
        back = np.maximum(self.origin[:, None] + np.arange(-length, 0), 0)
        history: Floats = self.panel.filled[self.panel.offsets[self.series][:, None] + back]
        return history

    def future_covariates(self) -> Floats:
        """[n, H, F] filled known covariates of the steps to forecast."""
        return self.covariates_at(self.steps)

    def covariates_at(self, rows: Ints) -> Floats:
        """[n, ..., F] filled covariates of flat `rows` [n, ...], as they are known at each
        window's origin; where nothing was, the last value before it stands in. Every look at a
        covariate passes here."""
        panel = self.panel
        covariates: Floats = panel.filled_covariates[rows]
        if panel.vintages is None:
            return covariates
        issue = panel.offsets[self.series] + self.origin
        shape = (len(self),) + (1,) * (rows.ndim - 1)
        moment = np.broadcast_to(self.moment.reshape(shape), rows.shape)
        known = panel.vintages.at(rows, moment)
        before = panel.filled_covariates[np.maximum(issue - 1, panel.offsets[self.series])]
        last = before[:, : known.shape[-1]].reshape(*shape, -1)
        # Covariates that are computed, such as holidays, stand behind those of the table.
        covariates[..., : known.shape[-1]] = np.where(np.isnan(known), last, known)
        return covariates

    @property
    def moment(self) -> Times:
        """[n] when each forecast is issued: the stamp of its origin."""
        panel = self.panel
        inside = self.origin < panel.sizes[self.series]
        issue = panel.offsets[self.series] + np.where(inside, self.origin, 0)
        return np.where(inside, panel.time[issue], panel.present[self.series])

    def target(self) -> Floats:
        """[n, H] true values; NaN where missing or not yet known."""
        rows = self.start[:, None] + np.arange(self.horizon)
        end = (self.panel.offsets + self.panel.lengths)[self.series][:, None]
        inside = rows < end
        return np.where(inside, self.panel.target[np.where(inside, rows, 0)], np.nan)

    def complete(self) -> npt.NDArray[np.bool_]:
        """[n] whether every target of the window is known, and every covariate was at its
        origin: only these can be trained on or scored."""
        inside = self.first + self.horizon <= self.panel.lengths[self.series]
        start = np.where(inside, self.start, 0)
        end = start + np.where(inside, self.horizon, 0)
        known = self.panel.known_before[end] - self.panel.known_before[start]
        complete: npt.NDArray[np.bool_] = inside & (known == self.horizon)
        if self.panel.vintages is not None:
            for first in range(0, len(self), _CHUNK_WINDOWS):
                part = slice(first, first + _CHUNK_WINDOWS)
                complete[part] &= ~self.take(part).late().any(axis=1)
        return complete

    def late(self) -> npt.NDArray[np.bool_]:
        """[n, H] steps of which a covariate was not yet known at the origin."""
        if self.panel.vintages is None:
            return np.zeros((len(self), self.horizon), bool)
        late: npt.NDArray[np.bool_] = self.panel.first_known[self.steps] > self.moment[:, None]
        return late


def _carried(values: Floats, group: Ints) -> Floats:
    """[N] with each NaN replaced by the last number before it in its group, if there is one.
    Rows of a group lie together."""
    rows = np.arange(len(values))
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows))
    usable = (last >= 0) & (group[last] == group)
    return np.where(usable, values[last], values)
