"""The report of a panel: ranges, gaps, flat stretches, clock changes and remarks."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.data.columns import Columns
from autopq.data.grid import Grid
from autopq.data.panel import Floats, Panel
from autopq.data.report import MOST_LISTED, AuditReport, Block, Remark, SeriesSummary
from autopq.data.splits import required_rows
from autopq.task import TaskConfig

Mask = npt.NDArray[np.bool_]
Runs = npt.NDArray[np.int64]

_FEW_COMPLETE = 0.5  # of all windows
_SHORTEST_FLAT = 12  # steps; below that equal values are no surprise at any frequency


def report_of(
    grid: Grid, rows: int, columns: Columns, config: TaskConfig, remarks: tuple[Remark, ...]
) -> AuditReport:
    """The report of a gridded table of `rows` rows; `remarks` were made on the way."""
    panel = grid.panel
    past = panel.rows < panel.lengths[panel.series]
    target_name = columns.target or config.target
    missing = {target_name: np.isnan(panel.target) & past}
    for number, name in enumerate(panel.covariate_names):
        missing[name] = np.isnan(panel.covariates[:, number]) & past
    flat = _runs(panel, *_flat(panel))
    values = panel.target[np.isfinite(panel.target)]
    short, long = _changed_days(panel)
    per_series = tuple(
        _summary(panel, number) for number in range(min(len(panel.item_ids), MOST_LISTED))
    )
    known = np.flatnonzero(past)
    return AuditReport(
        rows=rows,
        series=len(panel.item_ids),
        start=_stamp(panel.local_time[known].min()),
        end=_stamp(panel.local_time[known].max()),
        freq=panel.freq.alias,
        timezone=panel.timezone,
        timestamp=columns.timestamp,
        item_id=columns.item_id,
        target=target_name,
        known_covariates=columns.covariates,
        missing_rows=int((~grid.given & past).sum()),
        missing_values={n: int((mask & grid.given).sum()) for n, mask in missing.items()},
        missing_blocks=_longest(panel, {n: _runs(panel, mask) for n, mask in missing.items()}),
        flat_stretches=_longest(panel, {target_name: flat}),
        zero_share=float((values == 0).mean()) if len(values) else 0.0,
        negative=int((values < 0).sum()),
        short_days=short,
        long_days=long,
        per_series=per_series,
        warnings=(*remarks, *_remarks(panel, target_name, config, missing, len(flat))),
    )


def _remarks(
    panel: Panel, target: str, config: TaskConfig, missing: dict[str, Mask], flat: int
) -> list[Remark]:
    remarks = []
    if (count := _constant_series(panel)) > 0:
        message = "the target never changes in some series"
        remarks.append(Remark("constant_target", message, target, count))
    for name, mask in missing.items():
        if mask.any():
            code = "missing_target" if name == target else "missing_covariate"
            message = "values are missing; they are masked, not guessed"
            if name != target:
                message = "values are missing; the last known one stands in for them"
            remarks.append(Remark(code, message, name, int(mask.sum())))
    complete, windows = _complete_windows(panel, config.horizon)
    if complete < _FEW_COMPLETE * windows:
        message = (
            f"windows of {config.horizon} steps have no value missing; only these are trained on "
            "and scored"
        )
        remarks.append(Remark("few_complete_windows", message, target, complete))
    if panel.vintages is not None:
        late = panel.vintages.first_known(len(panel.time)) > panel.time[:, None]
        for name, count in zip(config.known_covariates, late.sum(axis=0), strict=True):
            if count:
                message = "values became known only after their own time; no forecast sees them"
                remarks.append(Remark("late_covariate", message, name, int(count)))
    lower = -np.inf if config.lower is None else config.lower
    upper = np.inf if config.upper is None else config.upper
    for code, limit, outside in (
        ("below_lower_limit", lower, panel.target < lower),
        ("above_upper_limit", upper, panel.target > upper),
    ):
        count = int(outside.sum())
        if count:
            message = f"values lie outside the physical limit {limit}"
            remarks.append(Remark(code, message, target, count))
    short = int((panel.lengths < required_rows(config, panel.freq)).sum())
    if short:
        message = "series too short to be part of every split; they are trained on where they can"
        remarks.append(Remark("short_series", message, None, short))
    if flat:
        message = "the target stays the same for longer than a season"
        remarks.append(Remark("flat_stretch", message, target, flat))
    return remarks


def _complete_windows(panel: Panel, horizon: int) -> tuple[int, int]:
    """How many windows of all series have every target, and how many there are."""
    complete = total = 0
    for offset, length in zip(panel.offsets, panel.lengths, strict=True):
        known = panel.known_before[offset : offset + length + 1]
        if length >= horizon:
            complete += int((known[horizon:] - known[:-horizon] == horizon).sum())
            total += int(length) - horizon + 1
    return complete, total


def _constant_series(panel: Panel) -> int:
    groups = pd.Series(panel.target).groupby(panel.series)
    return int((groups.max() == groups.min()).sum())


def _flat(panel: Panel) -> tuple[Mask, Mask]:
    """[N] rows in a run of one value that lasts longer than a season, and [N] where runs begin."""
    begins = np.ones(len(panel.target), bool)
    begins[1:] = (np.diff(panel.target) != 0) | (np.diff(panel.series) != 0)
    run = np.cumsum(begins) - 1
    lengths = np.bincount(run)[run]
    flat = (lengths > max(_SHORTEST_FLAT, panel.freq.season)) & np.isfinite(panel.target)
    return flat, begins


def _runs(panel: Panel, mask: Mask, begins: Mask | None = None) -> Runs:
    """[k, 2] first and last flat row of the maximal runs of `mask` within a series; a run also
    ends where `begins` says that another one begins."""
    rows = np.flatnonzero(mask)
    if len(rows) == 0:
        return np.empty((0, 2), np.int64)
    ends = (np.diff(rows) > 1) | (np.diff(panel.series[rows]) != 0)
    if begins is not None:
        ends |= begins[rows[1:]]
    cut = np.flatnonzero(ends)
    return np.column_stack([rows[np.append(0, cut + 1)], rows[np.append(cut, len(rows) - 1)]])


def _longest(panel: Panel, runs: dict[str, Runs]) -> tuple[Block, ...]:
    """The longest of the runs found in each column."""
    columns = np.repeat(list(runs), [len(found) for found in runs.values()])
    spans = np.concatenate(list(runs.values()))
    order = np.argsort(spans[:, 0] - spans[:, 1], kind="stable")[:MOST_LISTED]
    return tuple(
        Block(
            item_id=panel.item_ids[panel.series[first]],
            column=str(column),
            start=_stamp(panel.local_time[first]),
            end=_stamp(panel.local_time[last]),
            rows=int(last - first + 1),
        )
        for column, (first, last) in zip(columns[order], spans[order], strict=True)
    )


def _changed_days(panel: Panel) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Local days that the clock shortens and lengthens."""
    ahead = panel.local_time - panel.time
    change = np.diff(ahead)
    change[np.diff(panel.series) != 0] = np.timedelta64(0)
    days = panel.local_time[1:].astype("datetime64[D]")
    zero = np.timedelta64(0)
    short, long = np.unique(days[change > zero]), np.unique(days[change < zero])
    return tuple(map(str, short[:MOST_LISTED])), tuple(map(str, long[:MOST_LISTED]))


def _summary(panel: Panel, number: int) -> SeriesSummary:
    offset, length = int(panel.offsets[number]), int(panel.lengths[number])
    values: Floats = panel.target[offset : offset + length]
    known = values[np.isfinite(values)]
    known = known if len(known) else np.array([np.nan])
    return SeriesSummary(
        item_id=panel.item_ids[number],
        rows=length,
        start=_stamp(panel.local_time[offset]),
        end=_stamp(panel.local_time[offset + length - 1]),
        missing=int(np.isnan(values).sum()),
        future_rows=int(panel.sizes[number]) - length,
        mean=float(known.mean()),
        std=float(known.std()),
        minimum=float(known.min()),
        maximum=float(known.max()),
    )


def _stamp(time: np.datetime64) -> str:
    return pd.Timestamp(time).isoformat()
