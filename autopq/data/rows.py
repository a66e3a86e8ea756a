"""A table's rows as sorted arrays: series, instants, numbers; every finding names its row."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.data.columns import Columns
from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Ints, Times
from autopq.data.stamps import Stamps, as_text, parse_stamps
from autopq.data.zones import to_local, to_utc, zone
from autopq.errors import InputError, Issue

ALWAYS = np.datetime64("0001-01-01", "us")  # when what is known from the start became known
ONLY_SERIES = "series"  # the name of a series that the table does not name
_EMPTY = ("", "na", "n/a", "nan", "null", "none", "-")
_DAY = np.timedelta64(1, "D")
_MOST_NAMED = 5  # findings of one kind named row by row


@dataclass(frozen=True)
class Rows:
    """Rows of one table, series by series, in their order within the series."""

    item_ids: tuple[str, ...]
    series: Ints  # [N]
    time: Times  # [N] UTC instants or wall-clock stamps, as in `Panel.time`
    target: Floats  # [N] all NaN in a table of future covariates
    covariates: Floats  # [N, F]
    number: Ints  # [N] row of the table, from 1
    available: Times  # [N] when the covariates became known, on the time line of `time`

    def take(self, which: npt.NDArray[np.bool_] | Ints) -> "Rows":
        """The selected rows."""
        return replace(
            self,
            series=self.series[which],
            time=self.time[which],
            target=self.target[which],
            covariates=self.covariates[which],
            number=self.number[which],
            available=self.available[which],
        )


@dataclass(frozen=True, slots=True)
class Clock:
    """How the stamps of a table become `Panel.time`.

    Sub-daily series live on the time line, coarser ones on the calendar. `timezone` is None when
    stamps are taken as they are written.
    """

    on_calendar: bool
    timezone: str | None
    mixed_offsets: bool = False


def read_rows(
    table: pd.DataFrame,
    columns: Columns,
    *,
    timezone: str | None,
    freq: Frequency | None,
    prefix: str = "",
) -> tuple[Rows, Clock]:
    """The rows of a table, sorted by series. `prefix` goes before column names in findings.

    Raises InputError with everything found: unreadable stamps and numbers, missing series names,
    skipped clock times, repeated and unordered stamps.
    """
    issues: list[Issue] = []
    series, item_ids = _series(table, columns, prefix, issues)
    stamps, issue = parse_stamps(table[columns.timestamp], prefix + columns.timestamp)
    if issue:
        issues.append(issue)
    target = np.full(len(table), np.nan)
    if columns.target is not None:
        target = _numbers(table[columns.target], prefix + columns.target, issues)
    covariates = np.empty((len(table), len(columns.covariates)))
    for i, name in enumerate(columns.covariates):
        covariates[:, i] = _numbers(table[name], prefix + name, issues)
    if stamps is None or issues:
        raise InputError(issues)

    if columns.available_at is None:
        order = np.argsort(series, kind="stable")
        clock = _clock(stamps, timezone, freq, series[order], order)
        time = _timeline(stamps, clock, series[order], order, prefix + columns.timestamp)
        available: Times = np.full(len(order), ALWAYS)
    else:
        # Tables of vintages lie in any order: by stamp, or run by run.
        order = np.lexsort((stamps.wall, series))
        clock = _clock(stamps, timezone, freq, series[order], order)
        time = _vintage_times(stamps, clock, order, prefix + columns.timestamp)
        told: npt.NDArray[np.bool_] = np.any(np.isfinite(covariates[order]), axis=1)
        column = prefix + columns.available_at
        available = _availability(table[columns.available_at], clock, order, told, column)
    rows = Rows(
        item_ids, series[order], time, target[order], covariates[order], order + 1, available
    )
    if columns.available_at is not None:
        rows = rows.take(np.lexsort((available, time, rows.series)))
    naive = stamps.kind == "naive" and timezone is None and not clock.on_calendar
    _check_order(rows, prefix + columns.timestamp, naive=naive)
    return rows, clock


def join_rows(history: Rows, future: Rows, *, field: str) -> tuple[Rows, int]:
    """The history with future covariates behind it, and how many future rows were dropped
    because they lie at or before the last known target of their series.

    Raises InputError for series without a history.
    """
    number_of = {item_id: number for number, item_id in enumerate(history.item_ids)}
    strangers = [item_id for item_id in future.item_ids if item_id not in number_of]
    if strangers:
        raise InputError(
            Issue(
                field,
                f"series '{strangers[0]}' has no history ({len(strangers)} such series).",
                "Send its history, or leave it out of the future table.",
            )
        )
    series = np.array([number_of[item_id] for item_id in future.item_ids])[future.series]
    end = np.full(len(history.item_ids), np.datetime64("0001-01-01", "us"))
    known = np.isfinite(history.target)
    np.maximum.at(end, history.series[known], history.time[known])
    new = future.time > end[series]
    future = replace(future, series=series, item_ids=history.item_ids).take(new)
    told = pd.MultiIndex.from_arrays([future.series, future.time])
    kept = history.take(~pd.MultiIndex.from_arrays([history.series, history.time]).isin(told))
    joined = Rows(
        history.item_ids,
        *(
            np.concatenate([getattr(kept, name), getattr(future, name)])
            for name in ("series", "time", "target", "covariates", "number", "available")
        ),
    )
    order = np.lexsort((joined.available, joined.time, joined.series))
    return joined.take(order), int((~new).sum())


def _series(
    table: pd.DataFrame, columns: Columns, prefix: str, issues: list[Issue]
) -> tuple[Ints, tuple[str, ...]]:
    if columns.item_id is None:
        return np.zeros(len(table), np.int64), (ONLY_SERIES,)
    codes, names = pd.factorize(table[columns.item_id])
    missing = codes < 0
    if missing.any():
        issues.append(
            Issue(
                prefix + columns.item_id,
                "the name of the series is missing.",
                "Name the series in every row.",
                _first(missing),
            )
        )
    return codes.astype(np.int64), tuple(_name(name) for name in names)


def _name(value: object) -> str:
    """A whole number is named without the `.0` it gets beside missing or fractional values."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _numbers(values: pd.Series, field: str, issues: list[Issue]) -> Floats:
    """[N] floats, NaN where missing; findings are appended to `issues`."""
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        issues.append(Issue(field, "holds time stamps, not numbers.", "Name another column.", 1))
        return np.full(len(values), np.nan)
    else:
        numbers = pd.to_numeric(values.astype("object"), errors="coerce").to_numpy(np.float64)
        unclear = np.isnan(numbers) & values.notna().to_numpy()
        given = as_text(values[unclear]).str.strip()
        wrong = given[~given.str.lower().isin(_EMPTY)]
        if len(wrong):
            unclear[:] = False
            unclear[values.index.get_indexer(wrong.index)] = True
            issues.append(_not_a_number(wrong.iloc[0], len(wrong), field, _first(unclear)))
    infinite = np.isinf(numbers)
    if infinite.any():
        issues.append(
            Issue(
                field,
                f"holds an infinite value ({infinite.sum()} in all).",
                "Leave missing values empty.",
                _first(infinite),
            )
        )
    return numbers


def _not_a_number(text: str, count: int, field: str, row: int) -> Issue:
    decimal_comma = text.count(",") == 1 and text.replace(",", "").lstrip("+-").isdigit()
    return Issue(
        field,
        f"'{text[:40]}' is not a number ({count} such values in all).",
        "Write decimals with a point, such as 1.5."
        if decimal_comma
        else "Send numbers, and leave missing values empty.",
        row,
    )


def _clock(
    stamps: Stamps, timezone: str | None, freq: Frequency | None, series: Ints, order: Ints
) -> Clock:
    if freq is not None:
        on_calendar = not freq.is_subdaily
    else:
        differences = np.diff(stamps.wall[order])[np.diff(series) == 0]
        # Vintages of one stamp are no step.
        differences = differences[differences != np.timedelta64(0)]
        on_calendar = len(differences) > 0 and bool(np.median(differences) >= _DAY)
    if stamps.kind == "naive":
        return Clock(on_calendar, timezone)
    if on_calendar:
        return Clock(on_calendar, timezone)
    return Clock(
        on_calendar, timezone or stamps.zone or "UTC", timezone is None and not stamps.zone
    )


def _timeline(stamps: Stamps, clock: Clock, series: Ints, order: Ints, field: str) -> Times:
    wall = stamps.wall[order]
    if stamps.utc is not None:
        utc = stamps.utc[order]
        if not clock.on_calendar:
            return utc
        return wall if clock.timezone is None else to_local(utc, clock.timezone)
    if clock.on_calendar or clock.timezone is None:
        return wall
    utc = to_utc(wall, series, clock.timezone)
    skipped = np.isnat(utc)
    if skipped.any():
        row = order[skipped].min()
        stamp = pd.Timestamp(stamps.wall[row])
        raise InputError(
            Issue(
                field,
                f"{stamp:%Y-%m-%d %H:%M} does not exist in {clock.timezone}: the clock skips it "
                f"({skipped.sum()} such rows in all).",
                "Drop these rows; or leave `timezone` out if the stamps keep standard time all "
                "year.",
                int(row) + 1,
            )
        )
    return utc


def _vintage_times(stamps: Stamps, clock: Clock, order: Ints, field: str) -> Times:
    """The time line of a table whose order says nothing of a clock that is set back."""
    if stamps.utc is not None or clock.on_calendar or clock.timezone is None:
        return _timeline(stamps, clock, np.zeros(len(order), np.int64), order, field)
    index = pd.DatetimeIndex(stamps.wall[order])
    early, late = (
        index.tz_localize(
            zone(clock.timezone), ambiguous=np.full(len(index), summer), nonexistent="NaT"
        )
        for summer in (True, False)
    )
    unclear = np.asarray(early != late)
    if unclear.any():
        row = int(order[unclear].min())
        raise InputError(
            Issue(
                field,
                f"{pd.Timestamp(stamps.wall[row]):%Y-%m-%d %H:%M} comes twice or never in "
                f"{clock.timezone}, and vintages lie in no order that tells which it is "
                f"({int(unclear.sum())} such rows in all).",
                "Write the stamps of a table with vintages with their offset from UTC.",
                row + 1,
            )
        )
    return early.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy()


def _availability(
    values: pd.Series, clock: Clock, order: Ints, told: npt.NDArray[np.bool_], field: str
) -> Times:
    """[N] when the covariates of each row became known; for rows without any, from the start."""
    missing = values.isna().to_numpy()
    if (unsaid := missing[order] & told).any():
        raise InputError(
            Issue(
                field,
                f"does not say when the covariates of this row became known "
                f"({int(unsaid.sum())} such rows in all).",
                "Give the time from which on a forecast could use them.",
                int(order[unsaid].min()) + 1,
            )
        )
    if missing.all():
        return np.full(len(order), ALWAYS)
    rows = np.flatnonzero(~missing)
    stamps, issue = parse_stamps(values.iloc[rows], field)
    if stamps is None:
        assert issue is not None
        raise InputError(replace(issue, row=int(rows[(issue.row or 1) - 1]) + 1))
    if stamps.utc is not None and clock.timezone is None and not clock.on_calendar:
        raise InputError(
            Issue(
                field,
                "says its offset from UTC, the time stamps do not.",
                "Write both columns in the same way, or give `timezone`.",
            )
        )
    available = np.full(len(values), ALWAYS)
    available[rows] = _on_clock(stamps, clock)
    return available[order]


def _on_clock(stamps: Stamps, clock: Clock) -> Times:
    """Instants on the panel's time line; of a clock time that comes twice, the later one."""
    if stamps.utc is not None:
        if clock.timezone is None:
            return stamps.wall
        return to_local(stamps.utc, clock.timezone) if clock.on_calendar else stamps.utc
    if clock.on_calendar or clock.timezone is None:
        return stamps.wall
    aware = pd.DatetimeIndex(stamps.wall).tz_localize(
        zone(clock.timezone),
        ambiguous=np.zeros(len(stamps.wall), bool),
        nonexistent="shift_forward",
    )
    return aware.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy()


def _check_order(rows: Rows, field: str, *, naive: bool) -> None:
    frame = pd.DataFrame({"series": rows.series, "time": rows.time, "known": rows.available})
    repeated = frame.duplicated().to_numpy()
    step = np.diff(rows.time)
    backward = np.append(False, (step < np.timedelta64(0)) & (np.diff(rows.series) == 0))
    issues = []
    for i in np.flatnonzero(repeated)[:_MOST_NAMED]:
        mend = "Keep one row for each stamp and series."
        if naive:
            mend += " If the clock was set back here, give `timezone` or stamps with an offset."
        of = f" of series '{rows.item_ids[rows.series[i]]}'" if len(rows.item_ids) > 1 else ""
        issues.append(
            Issue(
                field,
                f"the stamp {pd.Timestamp(rows.time[i])}{of} appears twice "
                f"({repeated.sum()} such rows in all).",
                mend,
                int(rows.number[i]),
            )
        )
    # Where a stamp repeats, stepping back to it is the same fault told twice.
    for i in np.flatnonzero(backward & ~repeated)[:_MOST_NAMED]:
        issues.append(
            Issue(
                field,
                f"the stamp {pd.Timestamp(rows.time[i])} comes after a later one.",
                "Sort the rows of each series by time.",
                int(rows.number[i]),
            )
        )
    if issues:
        raise InputError(issues)


def _first(mask: npt.NDArray[np.bool_]) -> int:
    return int(np.argmax(mask)) + 1
