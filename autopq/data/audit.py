"""A stranger's table: what it seems to hold, and whether it can become a `Panel` for a task."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from autopq.data.columns import Columns, find_columns
from autopq.data.findings import report_of
from autopq.data.frequency import Frequency, parse_frequency
from autopq.data.grid import lay_on_grid
from autopq.data.inspection import Inspection, inspection_of
from autopq.data.limits import check_names
from autopq.data.origins import reach, settled
from autopq.data.panel import Panel, Times
from autopq.data.public_holidays import with_holidays
from autopq.data.report import AuditReport, Remark
from autopq.data.requirements import missing_future, settle_frequency, too_little
from autopq.data.rows import Clock, Rows, join_rows, read_rows
from autopq.data.statics import read_statics
from autopq.data.vintages import one_a_stamp, with_vintages
from autopq.data.zones import zone
from autopq.errors import InputError, Issue
from autopq.task import TaskConfig

Purpose = Literal["fit", "predict"]

FUTURE = "future."  # before the columns of the future table in findings


def audit(
    table: pd.DataFrame,
    config: TaskConfig,
    *,
    future: pd.DataFrame | None = None,
    purpose: Purpose = "fit",
) -> tuple[Panel, AuditReport]:
    """The table as a regular panel, and what was found on the way.

    `future` holds known covariates after the end of the history. For `predict` every series is
    extended by the horizon, and each known covariate must be given for all of it; for `fit` there
    must be enough rows for all parts of the split.

    Raises InputError with every finding that can be told at once.
    """
    table, future = _flat(table), None if future is None else _flat(future)
    vintages = config.available_at is not None
    columns, freq = _settle(table, config if purpose == "fit" else _as_sent(config, table))
    statics = read_statics(table, columns)
    rows, clock = read_rows(table, columns, timezone=config.timezone, freq=freq)
    stamped = one_a_stamp(rows, columns.target) if vintages else rows
    freq = settle_frequency(stamped, freq, columns.timestamp)
    remarks = _clock_remarks(clock)
    presents = None
    if purpose == "predict":
        ahead = 0 if future is not None or not columns.covariates else reach(config, freq)
        presents = _presents(rows, freq, ahead)
    if future is not None:
        rows, dropped = _with_future(rows, clock, future, config, freq, columns)
        if dropped:
            remarks.append(
                Remark(
                    "future_rows_ignored",
                    "rows of the future table that lie in the known past were ignored",
                    count=dropped,
                )
            )
    grid = lay_on_grid(
        one_a_stamp(rows, columns.target) if vintages else rows,
        freq,
        None if clock.on_calendar else clock.timezone,
        columns.covariates,
        field=columns.timestamp,
        horizon=reach(config, freq) if purpose == "predict" else 0,
        presents=presents,
    )
    if vintages:
        panel = with_vintages(grid.panel, rows, keep=purpose == "fit")
        grid = replace(grid, panel=panel)
    grid = replace(grid, panel=replace(grid.panel, statics=statics))
    config = settled(config, grid.panel)
    issues = (
        too_little(grid, config, columns)
        if purpose == "fit"
        else missing_future(grid, config, FUTURE if future is not None else "")
    )
    if issues:
        raise InputError(issues)
    report = report_of(grid, len(table), columns, config, tuple(remarks))
    return with_holidays(grid.panel, config.holidays), report


def _presents(rows: Rows, freq: Frequency, ahead: int) -> Times:
    """[S] the last stamp of the past of a series that says nothing of it: its last row, or that
    `ahead` steps earlier where the table holds the covariates of the steps to forecast as well."""
    last = np.searchsorted(rows.series, np.arange(len(rows.item_ids)), side="right") - 1
    ends = [pd.Timestamp(stamp) - ahead * freq.offset for stamp in rows.time[last]]
    return np.array(ends, "datetime64[us]")


def _as_sent(config: TaskConfig, table: pd.DataFrame) -> TaskConfig:
    """The task for a table to forecast from: covariates that do not say since when they are known
    are known, and the model remembers its series' static features."""
    available_at = config.available_at if config.available_at in table.columns else None
    return config.model_copy(update={"available_at": available_at, "static_features": ()})


def inspect(table: pd.DataFrame) -> Inspection:
    """What a table seems to hold, for the moment before a task is known.

    Raises InputError only where two columns share a name."""
    return inspection_of(_flat(table))


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """The table with time and series as columns, and rows numbered as they lie."""
    in_index = isinstance(table.index, pd.DatetimeIndex | pd.MultiIndex)
    flat = table.reset_index(drop=not in_index)
    flat.columns = pd.Index([str(name) for name in flat.columns])
    check_names(list(flat.columns))
    return flat


def _settle(table: pd.DataFrame, config: TaskConfig) -> tuple[Columns, Frequency | None]:
    """Columns and given frequency; every wrong setting is found before any row is read."""
    issues: list[Issue] = []
    freq = None
    if len(table) == 0:
        issues.append(Issue("table", "the table has no rows.", "Send at least one series."))
    columns, missing = find_columns(table, config)
    issues.extend(missing)
    try:
        freq = parse_frequency(config.freq) if config.freq else None
    except InputError as error:
        issues.extend(error.issues)
    try:
        if config.timezone is not None:
            zone(config.timezone)
    except InputError as error:
        issues.extend(error.issues)
    if columns is None or issues:
        raise InputError(issues)
    return columns, freq


def _clock_remarks(clock: Clock) -> list[Remark]:
    if not clock.mixed_offsets:
        return []
    return [
        Remark(
            "offsets_mixed",
            "the stamps have more than one offset from UTC; give `timezone` so that hours and "
            "weekdays follow the local clock",
            "timezone",
        )
    ]


def _with_future(
    rows: Rows,
    clock: Clock,
    future: pd.DataFrame,
    config: TaskConfig,
    freq: Frequency,
    columns: Columns,
) -> tuple[Rows, int]:
    """The rows with those of the future table behind them, and how many of those were dropped."""
    found, issues = find_columns(future, _as_sent(config, future), needs_target=False)
    if found is None:
        raise InputError([replace(issue, field=FUTURE + issue.field) for issue in issues])
    if columns.item_id is None:
        found = replace(found, item_id=None)
    elif found.item_id is None and len(rows.item_ids) > 1:
        raise InputError(
            Issue(
                f"{FUTURE}{columns.item_id}",
                "the future table does not say which series a row belongs to.",
                f"Add the column '{columns.item_id}'.",
            )
        )
    ahead, its_clock = read_rows(future, found, timezone=config.timezone, freq=freq, prefix=FUTURE)
    differ = (its_clock.timezone is None) != (clock.timezone is None)
    if differ and not clock.on_calendar:
        raise InputError(
            Issue(
                f"{FUTURE}{columns.timestamp}",
                "one table's stamps say their offset from UTC, the other's do not.",
                "Write the stamps of both tables in the same way.",
            )
        )
    if found.item_id is None:
        ahead = replace(ahead, item_ids=rows.item_ids[:1])
    return join_rows(rows, ahead, field=FUTURE + (found.item_id or columns.timestamp))
