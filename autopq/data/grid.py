"""Rows of a table laid on a regular grid; nothing is moved, and what is absent stays NaN."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Ints, Panel, Times
from autopq.data.rows import Rows
from autopq.data.zones import to_local
from autopq.errors import InputError, Issue

# A grid may hold this many rows more than the table, or this many times as many: a single wrong
# year in a stamp must not become millions of empty rows.
_SPARE_ROWS = 10_000
_LARGEST_GROWTH = 20
_MOST_NAMED = 5


@dataclass(frozen=True)
class Grid:
    """A panel and which of its rows the table had."""

    panel: Panel
    given: npt.NDArray[np.bool_]  # [N]


def lay_on_grid(
    rows: Rows,
    freq: Frequency,
    timezone: str | None,
    names: tuple[str, ...],
    *,
    field: str,
    horizon: int = 0,
    presents: Times | None = None,
) -> Grid:
    """The rows as a panel. Every series begins at its first known target; rows after its last
    known target hold future covariates, at least `horizon` of them. A series without a known
    target begins with its first row and is in the past up to its entry of `presents` [S]; without
    `presents` it is an error.

    `rows` are sorted by series and time and free of duplicates. Raises InputError for stamps off
    the grid (naming row and series), for series without a target and for absurd gaps.
    """
    bounds = np.searchsorted(rows.series, np.arange(len(rows.item_ids) + 1))
    spans = [slice(int(a), int(b)) for a, b in pairwise(bounds)]
    starts, positions, lengths, issues = [], [], [], []
    total = 0
    for number, (item_id, span) in enumerate(zip(rows.item_ids, spans, strict=True)):
        known = np.flatnonzero(np.isfinite(rows.target[span]))
        if len(known) == 0 and presents is not None:
            past = np.searchsorted(rows.time[span], presents[number], side="right")
            known = np.array([0, max(int(past) - 1, 0)])
        if len(known) == 0:
            issues.append(
                Issue(
                    field,
                    f"series '{item_id}' has no known target value.",
                    "Send at least one, or leave the series out.",
                    int(rows.number[span].min()),
                )
            )
            continue
        inside = slice(span.start + int(known[0]), span.stop)
        try:
            position = _positions(rows, inside, freq, field)
            total += int(position[-1]) + 1
            _check_growth(rows, inside, position, total, field)
        except InputError as error:
            issues.extend(error.issues)
            if len(issues) >= _MOST_NAMED:
                break
            continue
        starts.append(inside)
        positions.append(position)
        lengths.append(int(position[known[-1] - known[0]]) + 1)
    if issues:
        raise InputError(issues)
    return _fill(rows, starts, positions, np.array(lengths), freq, timezone, names, horizon)


def _fill(
    rows: Rows,
    spans: list[slice],
    positions: list[Ints],
    lengths: Ints,
    freq: Frequency,
    timezone: str | None,
    names: tuple[str, ...],
    horizon: int,
) -> Grid:
    ends = np.array([position[-1] + 1 for position in positions], dtype=np.int64)
    sizes = np.maximum(ends, lengths + horizon)
    offsets = np.append(0, np.cumsum(sizes)[:-1]).astype(np.int64)
    size = int(sizes.sum())
    time: Times = np.empty(size, "datetime64[us]")
    target: Floats = np.full(size, np.nan)
    covariates: Floats = np.full((size, len(names)), np.nan)
    given = np.zeros(size, bool)
    for span, position, offset, length in zip(spans, positions, offsets, sizes, strict=True):
        time[offset : offset + length] = freq.range(rows.time[span.start], int(length))
        where = offset + position
        target[where] = rows.target[span]
        covariates[where] = rows.covariates[span]
        given[where] = True
    panel = Panel(
        item_ids=rows.item_ids,
        offsets=offsets,
        lengths=lengths,
        sizes=sizes,
        time=time,
        local_time=time if timezone is None else to_local(time, timezone),
        target=target,
        covariates=covariates,
        covariate_names=names,
        freq=freq,
        timezone=timezone,
    )
    return Grid(panel, given)


def _positions(rows: Rows, span: slice, freq: Frequency, field: str) -> Ints:
    """Steps from the first row of the span to each of its rows."""
    time = rows.time[span]
    if freq.step is not None:
        step = np.timedelta64(round(freq.step / pd.Timedelta(microseconds=1)), "us")
        phase = (time - time[0]) % step
        off = phase != np.timedelta64(0)
        if off.mean() > 0.5:
            # The first row is the odd one out; name it instead of all the others.
            values, counts = np.unique(phase, return_counts=True)
            off = phase != values[counts.argmax()]
        position = (time - time[0]) // step
    else:
        grid = _calendar_grid(time, freq)
        position = np.searchsorted(grid, time)
        off = grid[np.minimum(position, len(grid) - 1)] != time
    if off.any():
        raise InputError(_off_grid(rows, span, off, freq, field))
    positions: Ints = position.astype(np.int64)
    return positions


def _calendar_grid(time: Times, freq: Frequency) -> Times:
    dates = pd.date_range(pd.Timestamp(time[0]), pd.Timestamp(time[-1]), freq=freq.offset)
    return np.append(dates.to_numpy().astype("datetime64[us]"), np.datetime64("9999-12-31", "us"))


def _off_grid(
    rows: Rows, span: slice, off: npt.NDArray[np.bool_], freq: Frequency, field: str
) -> Issue:
    first = span.start + int(np.argmax(off))
    series = rows.item_ids[rows.series[first]]
    steps = np.diff(rows.time[span])
    values, counts = np.unique(steps, return_counts=True)
    usual = pd.Timedelta(values[counts.argmax()]) if len(values) else None
    mend = "Send stamps on one regular grid; rows may be absent, but not shifted."
    if freq.step is not None and usual is not None and usual != freq.step:
        mend = f"The rows of this series are mostly {usual} apart: give the right `freq`."
    return Issue(
        field,
        f"{pd.Timestamp(rows.time[first])} of series '{series}' is off the grid of step "
        f"'{freq.alias}' ({int(off.sum())} such rows).",
        mend,
        int(rows.number[first]),
    )


def _check_growth(rows: Rows, span: slice, position: Ints, total: int, field: str) -> None:
    if total <= max(_SPARE_ROWS, _LARGEST_GROWTH * len(rows.time)):
        return
    widest = int(np.argmax(np.diff(position)))
    before, after = (pd.Timestamp(rows.time[span.start + widest + i]) for i in (0, 1))
    raise InputError(
        Issue(
            field,
            f"the rows leap from {before} to {after}; filled in, the table would have more than "
            f"{total} rows.",
            "Check the stamp of this row, or send the series from there on.",
            int(rows.number[span.start + widest + 1]),
        )
    )
