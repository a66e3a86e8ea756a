"""The audit: a stranger's table becomes a `Panel`, or a list of what has to be mended."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from autopq.data.columns import Columns, find_columns
from autopq.data.findings import report_of
from autopq.data.frequency import Frequency, infer_frequency, parse_frequency
from autopq.data.grid import Grid, lay_on_grid
from autopq.data.panel import Panel
from autopq.data.report import AuditReport, Remark
from autopq.data.rows import Clock, Rows, join_rows, read_rows
from autopq.data.splits import required_rows, split
from autopq.data.zones import zone
from autopq.errors import InputError, Issue
from autopq.task import TaskConfig

Purpose = Literal["fit", "predict"]

_FUTURE = "future."  # before the columns of the future table in findings
_MOST_NAMED = 5


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
    columns, freq = _settle(table, config)
    rows, clock = read_rows(table, columns, timezone=config.timezone, freq=freq)
    freq = _frequency(rows, freq, columns.timestamp)
    remarks = _clock_remarks(clock)
    if future is not None:
        rows, dropped = _with_future(rows, future, config, freq, columns)
        if dropped:
            remarks.append(
                Remark(
                    "future_rows_ignored",
                    "rows of the future table that lie in the known past were ignored",
                    count=dropped,
                )
            )
    grid = lay_on_grid(
        rows,
        freq,
        None if clock.on_calendar else clock.timezone,
        columns.covariates,
        field=columns.timestamp,
        horizon=config.horizon if purpose == "predict" else 0,
    )
    issues = (
        _too_little(grid, config, columns)
        if purpose == "fit"
        else _missing_future(grid, config, future is not None)
    )
    if issues:
        raise InputError(issues)
    return grid.panel, report_of(grid, len(table), columns, config, tuple(remarks))


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


def _frequency(rows: Rows, given: Frequency | None, field: str) -> Frequency:
    """The given or the commonest step, checked against each series' own."""
    freq = given or infer_frequency(rows.time, rows.series)
    if freq.step is None:
        return freq
    step = freq.step.to_timedelta64()
    within = np.diff(rows.series) == 0
    steps = pd.DataFrame({"series": rows.series[1:][within], "step": np.diff(rows.time)[within]})
    counts = steps.value_counts().reset_index()
    usual = counts.drop_duplicates("series").sort_values("series")
    odd = usual[(usual["step"] != step) & (usual["count"] >= 2)]
    if given is not None and len(odd) and len(odd) == len(usual):
        raise InputError(
            Issue(
                "freq",
                f"the rows are {odd['step'].iloc[0]} apart, not '{freq.alias}'.",
                "Correct `freq` or leave it out.",
            )
        )
    if len(odd):
        first_rows = np.searchsorted(rows.series, odd["series"].to_numpy())
        raise InputError(
            [
                Issue(
                    field,
                    f"the rows of series '{rows.item_ids[number]}' are {apart} apart, those of "
                    f"the others '{freq.alias}'.",
                    "Bring all series to one step, or fit them apart.",
                    int(rows.number[row]),
                )
                for number, apart, row in zip(odd["series"], odd["step"], first_rows, strict=True)
            ][:_MOST_NAMED]
        )
    return freq


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
    rows: Rows, future: pd.DataFrame, config: TaskConfig, freq: Frequency, columns: Columns
) -> tuple[Rows, int]:
    """The rows with those of the future table behind them, and how many of those were dropped."""
    found, issues = find_columns(future, config, needs_target=False)
    if found is None:
        raise InputError([replace(issue, field=_FUTURE + issue.field) for issue in issues])
    if columns.item_id is None:
        found = replace(found, item_id=None)
    elif found.item_id is None and len(rows.item_ids) > 1:
        raise InputError(
            Issue(
                f"{_FUTURE}{columns.item_id}",
                "the future table does not say which series a row belongs to.",
                f"Add the column '{columns.item_id}'.",
            )
        )
    ahead, _ = read_rows(future, found, timezone=config.timezone, freq=freq, prefix=_FUTURE)
    if found.item_id is None:
        ahead = replace(ahead, item_ids=rows.item_ids[:1])
    return join_rows(rows, ahead, field=_FUTURE + (found.item_id or columns.timestamp))


def _too_little(grid: Grid, config: TaskConfig, columns: Columns) -> list[Issue]:
    panel = grid.panel
    needed = required_rows(config, panel.freq)
    longest = int(panel.lengths.max())
    if longest < needed:
        return [
            Issue(
                columns.target or config.target,
                f"the longest series has {longest} rows, but a horizon of {config.horizon} with "
                f"these splits needs {needed}.",
                "Send a longer history, or choose a shorter horizon or a smaller `test_fraction`.",
            )
        ]
    splits = split(panel, config)
    parts = {"training": splits.train, "validation": splits.validation, "test": splits.test}
    if config.test_fraction == 0:
        del parts["test"]
    return [
        Issue(
            columns.target or config.target,
            f"missing values leave no complete window of {config.horizon} steps for {name}.",
            "Fill the gaps where the values can be known, or choose a shorter horizon.",
        )
        for name, windows in parts.items()
        if len(windows) == 0
    ]


def _missing_future(grid: Grid, config: TaskConfig, from_table: bool) -> list[Issue]:
    panel, issues = grid.panel, []
    start = panel.offsets + panel.lengths
    ahead = start[:, None] + np.arange(config.horizon)  # [S, H] flat rows to forecast
    absent = np.isnan(panel.covariates[ahead])  # [S, H, F]
    for number, name in enumerate(panel.covariate_names):
        for series in np.flatnonzero(absent[:, :, number].any(axis=1))[:_MOST_NAMED]:
            steps = absent[series, :, number]
            first = pd.Timestamp(panel.local_time[ahead[series, np.argmax(steps)]])
            of = f" of series '{panel.item_ids[series]}'" if len(panel.item_ids) > 1 else ""
            issues.append(
                Issue(
                    f"{_FUTURE if from_table else ''}{name}",
                    f"is missing for {int(steps.sum())} of the {config.horizon} steps to "
                    f"forecast{of}, the first at {first}.",
                    "Send this covariate for every step of the horizon.",
                )
            )
    return issues
