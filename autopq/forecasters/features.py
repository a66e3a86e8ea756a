"""Row-wise features: one row per (window, step), for models that forecast each step directly.

Columns, in groups that a permutation importance can shuffle together:

- `history`: recent values, the same step of the last two seasons, mean and spread of up to one,
- `long_history`: what lies further back,
- `calendar` and `step`: the target step's place in the day, week and year, and in the horizon,
- `static`: what the series is,
- one group per known covariate: the value at the step, its neighbours, the season block's mean
  and extremes, and its change against one season before.

Levels are expressed relative to an offset known at the origin and divided by a spread: that of the
whole series or that of the weeks before the origin. So is the target, which is what lets one model
serve many series, a drifting level and a drifting spread. Memory is
4 bytes x windows x horizon x columns; everything wider lives in chunks.
"""

from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from autopq.data.calendar import calendar_features
from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import State
from autopq.forecasters.lookback import (
    Lookback,
    known_values,
    same_type_mean,
    season_values,
    span_statistics,
)
from autopq.forecasters.scaling import SeriesScale, known_rows

LevelOffset = Literal["none", "last_season", "recent_mean", "same_type_mean"]
LEVEL_OFFSETS: tuple[LevelOffset, ...] = get_args(LevelOffset)
Unit = Literal["series", "recent"]
UNITS: tuple[Unit, ...] = get_args(Unit)
LONG_HISTORY = "long_history"

_CHUNK_ROWS = 32_768
_NEIGHBOURS = (-3, -2, -1, 1, 2, 3)
_MIN_KNOWN_SHARE = 0.5
_SHORT_SEASONS = 2
# Of the series' own spread: less than this is a standstill, not a unit.
_SMALLEST_UNIT = 0.05


@dataclass(frozen=True)
class Rows:
    """Features and the way back: target = `relative` x `unit` + `offset`."""

    x: npt.NDArray[np.float32]  # [n * H, K], NaN where unknown
    offset: Floats  # [n, H] level the row is relative to, in the target's units
    unit: Floats  # [n] spread that values are divided by, in the target's units

    def relative(self, target: Floats) -> Floats:
        """[n, H] target as the model sees it."""
        return (target - self.offset) / self.unit[:, None]

    def absolute(self, relative: Floats) -> Floats:
        """[n, H] or [n * H] model output in the target's units."""
        return relative.reshape(self.offset.shape) * self.unit[:, None] + self.offset


@dataclass(frozen=True)
class _Columns:
    values: list[Floats]
    names: list[str]
    groups: list[str]

    def add(self, name: str, group: str, values: Floats) -> None:
        self.values.append(values)
        self.names.append(name)
        self.groups.append(group)


@dataclass(frozen=True)
class FeatureBuilder:
    """Turns windows into `Rows`. Fitted on training windows: the scale of each series, and which
    lags the series are long enough for."""

    scale: SeriesScale
    level_offset: LevelOffset
    unit: Unit
    keep: npt.NDArray[np.int64]  # [K] positions among all candidate columns
    names: tuple[str, ...]  # [K]
    groups: tuple[str, ...]  # [K]

    @classmethod
    def fit(cls, train: Windows, level_offset: LevelOffset, unit: Unit = "series") -> Self:
        scale = SeriesScale.fit(train)
        everything = cls(scale, level_offset, unit, np.empty(0, np.int64), (), ())
        sample = train.take(np.unique(np.linspace(0, len(train) - 1, 256).astype(np.int64)))
        columns, _ = everything._columns(sample)
        known = np.array([np.isfinite(column).mean() for column in columns.values])
        seen_year = _years_covered(train) >= 1
        keep = np.array(
            [
                i
                for i, name in enumerate(columns.names)
                if known[i] >= _MIN_KNOWN_SHARE and (seen_year or not _is_yearly(name))
            ],
            np.int64,
        )
        return cls(
            scale,
            level_offset,
            unit,
            keep,
            tuple(columns.names[i] for i in keep),
            tuple(columns.groups[i] for i in keep),
        )

    def build(self, windows: Windows) -> Rows:
        """Rows of the windows, window after window and step after step."""
        n, horizon = len(windows), windows.horizon
        x = np.empty((n, horizon, len(self.keep)), np.float32)
        offset = np.empty((n, horizon))
        # A window looks back on its longest span once and on its horizon column by column.
        reach = max(Lookback.of(windows.panel.freq).spans, default=0)
        chunk = max(1, _CHUNK_ROWS // max(horizon, reach // 8))
        for first in range(0, n, chunk):
            part = slice(first, first + chunk)
            columns, offset[part] = self._columns(windows.take(part))
            for k, position in enumerate(self.keep):
                x[part, :, k] = columns.values[position]
        unit = self._unit(windows)
        return Rows(x.reshape(n * horizon, len(self.keep)), offset, unit)

    def _columns(self, windows: Windows) -> tuple[_Columns, Floats]:
        """Candidate columns, each [n, H] or [n, 1], and the level offset [n, H]."""
        lookback = Lookback.of(windows.panel.freq)
        center = self.scale.of(windows.panel)[0][windows.series][:, None]
        unit = self._unit(windows)[:, None]
        means = {span: span_statistics(windows, span) for span in lookback.spans}
        alike = same_type_mean(windows, lookback)
        offset = self._offset(windows, lookback, means, alike, center)
        columns = _Columns([], [], [])

        def level(name: str, values: Floats, group: str = "history") -> None:
            columns.add(name, group, (values - offset) / unit)

        recent = known_values(windows, windows.origin[:, None] - np.array(lookback.recent))
        for i, lag in enumerate(lookback.recent):
            level(f"value_{lag}_before", recent[:, i : i + 1])
        days = season_values(windows, lookback.season, lookback.season_lags)
        for i, count in enumerate(lookback.season_lags):
            level(f"season_{count}_before", days[..., i], _group(count <= _SHORT_SEASONS))
        if lookback.long_lags:
            long = season_values(windows, lookback.long_season, lookback.long_lags)
            for i, count in enumerate(lookback.long_lags):
                level(f"long_season_{count}_before", long[..., i], LONG_HISTORY)
        for span, (mean, spread) in means.items():
            group = _group(span <= lookback.season)
            level(f"mean_{span}", mean[:, None], group)
            columns.add(f"spread_{span}", group, spread[:, None] / unit)
        level("same_type_mean", alike, LONG_HISTORY)
        columns.add("season_spread", LONG_HISTORY, np.std(days, axis=-1) / unit)
        for name, period in (("season", lookback.season), ("long_season", lookback.long_season)):
            before = known_values(windows, windows.origin[:, None] - 1 - period)
            group = _group(period <= lookback.season)
            columns.add(f"change_over_{name}", group, (recent[:, :1] - before) / unit)
        if (statics := windows.panel.statics) is not None:
            for k, name in enumerate(statics.names):
                columns.add(name, "static", statics.values[windows.series, k : k + 1])
        self._add_known_ahead(columns, windows, lookback)
        return columns, offset

    def _unit(self, windows: Windows) -> Floats:
        """[n] the spread that values are divided by; always positive."""
        unit = self.scale.of(windows.panel)[1][windows.series]
        if self.unit == "series":
            return unit
        recent = span_statistics(windows, Lookback.of(windows.panel.freq).spans[-1])[1]
        return np.where(np.isfinite(recent), np.maximum(recent, _SMALLEST_UNIT * unit), unit)

    def _offset(
        self,
        windows: Windows,
        lookback: Lookback,
        means: dict[int, tuple[Floats, Floats]],
        alike: Floats,
        center: Floats,
    ) -> Floats:
        """[n, H] the level everything is relative to; always finite."""
        if self.level_offset == "none":
            return np.repeat(center, windows.horizon, axis=1)
        span = lookback.long_season if lookback.long_season in means else lookback.spans[-1]
        recent = means[span][0][:, None]
        recent = np.where(np.isfinite(recent), recent, center)
        if self.level_offset == "recent_mean":
            return np.repeat(recent, windows.horizon, axis=1)
        if self.level_offset == "last_season":
            latest = season_values(windows, lookback.season, (1,))[..., 0]
            return np.where(np.isfinite(latest), latest, recent)
        return np.where(np.isfinite(alike), alike, recent)

    def _add_known_ahead(self, columns: _Columns, windows: Windows, lookback: Lookback) -> None:
        panel, horizon = windows.panel, windows.horizon
        step = np.broadcast_to(windows.ahead, (len(windows), horizon))
        columns.add("step", "step", step.astype(np.float64))
        calendar, names = calendar_features(panel.local_time[windows.steps], panel.freq)
        for i, name in enumerate(names):
            columns.add(name, "calendar", calendar[..., i])
        if not panel.covariate_names:
            return
        first = panel.offsets[windows.series][:, None]
        last = windows.steps[:, -1:]
        season = lookback.season
        bounds = np.arange(0, horizon, season)
        block = np.arange(horizon) // season
        lengths = np.diff(np.append(bounds, horizon))
        # Nothing is known of a covariate beyond the horizon, not even where the table happens to
        # hold it.
        step = windows.start[:, None] + np.arange(horizon)
        around = {
            shift: windows.covariates_at(np.clip(step + shift, first, last))
            for shift in (0, *_NEIGHBOURS)
        }
        before = windows.steps - season * (block + 1)
        season_before = windows.covariates_at(np.maximum(before, first))
        for f, name in enumerate(panel.covariate_names):
            own = around[0][..., f]

            def add(what: str, column: Floats, name: str = name) -> None:
                columns.add(f"{name}{what}", f"covariate:{name}", column)

            add("", own)
            for shift in _NEIGHBOURS:
                add(f"_at_{shift:+d}", around[shift][..., f])
            add("_mean", (np.add.reduceat(own, bounds, axis=1) / lengths)[:, block])
            add("_low", np.minimum.reduceat(own, bounds, axis=1)[:, block])
            add("_high", np.maximum.reduceat(own, bounds, axis=1)[:, block])
            change = own - season_before[..., f]
            add("_change", np.where(before >= first, change, 0.0))

    def to_state(self) -> State:
        scale = self.scale.to_state()
        return State(
            {**scale.arrays, "keep": self.keep},
            {
                **scale.meta,
                "level_offset": self.level_offset,
                "unit": self.unit,
                "names": list(self.names),
                "groups": list(self.groups),
            },
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        meta: dict[str, Any] = state.meta
        return cls(
            SeriesScale.from_state(state),
            meta["level_offset"],
            meta["unit"],
            state.arrays["keep"],
            tuple(meta["names"]),
            tuple(meta["groups"]),
        )


def _years_covered(windows: Windows) -> float:
    """Longest stretch of one series' training rows. Before a year is full, forecasts lie in
    seasons never seen, and what a model read into the day of the year leads it astray there."""
    time = windows.panel.local_time
    spans = [time[r.stop - 1] - time[r.start] for r in known_rows(windows) if r.stop > r.start]
    return float(max(spans) / np.timedelta64(365, "D"))


def _group(short: bool) -> str:
    return "history" if short else LONG_HISTORY


def _is_yearly(name: str) -> bool:
    return "year" in name or "month" in name


def history_rows(freq: Frequency, horizon: int) -> int:
    """Rows before an origin that features can depend on: what a model must keep to forecast."""
    return Lookback.of(freq).rows(horizon)
