"""A table's rows as sorted arrays: series, instants, numbers; every finding names its row."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.data.columns import Columns
from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Ints, Times
from autopq.data.stamps import Stamps, as_text, parse_stamps
from autopq.data.zones import to_local, to_utc
from autopq.errors import InputError, Issue

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

    def take(self, which: npt.NDArray[np.bool_] | Ints) -> "Rows":
        """The selected rows."""
        return replace(
            self,
            series=self.series[which],
            time=self.time[which],
            target=self.target[which],
            covariates=self.covariates[which],
            number=self.number[which],
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

    order = np.argsort(series, kind="stable")
    series, number = series[order], order + 1
    clock = _clock(stamps, timezone, freq, series, order)
    time = _timeline(stamps, clock, series, order, prefix + columns.timestamp)
    rows = Rows(item_ids, series, time, target[order], covariates[order], number)
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
            for name in ("series", "time", "target", "covariates", "number")
        ),
    )
    return joined.take(np.lexsort((joined.time, joined.series))), int((~new).sum())


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


def _check_order(rows: Rows, field: str, *, naive: bool) -> None:
    frame = pd.DataFrame({"series": rows.series, "time": rows.time})
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
