"""Rows that arrived since laid over a table: known stamps are filled in, later ones follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.data.columns import TARGET_ALIASES, find_item_id, find_timestamp
from autopq.data.stamps import Stamps, as_text, parse_stamps
from autopq.errors import InputError, Issue

_TARGETS = ("target", *TARGET_ALIASES)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Appended:
    """The grown table, and how many rows were new and how many were filled in."""

    table: pd.DataFrame
    added: int
    replaced: int


def append_rows(
    table: pd.DataFrame, rows: pd.DataFrame, *, available_at: str | None = None
) -> Appended:
    """The table with `rows` behind it.

    A row whose series and stamp the table has already replaces what it says there: its given
    values count, its empty ones and left-out columns change nothing. Every other row must be
    later than all stamps of its series. Columns may be called by their usual aliases
    (`unique_id`, `ds`, `y`); where there is one series, rows need not name it.

    `available_at` is the column that tells vintages of one stamp apart, where the table has them:
    a new vintage of a stamp is then a row of its own, and a row that leaves the column empty fills
    in all vintages of its stamp, as an actual value does.

    Raises InputError for columns the table does not have, values of another kind, stamps that
    cannot be placed and series that are not named.
    """
    timestamp, item_id = find_timestamp(table), find_item_id(table)
    if timestamp is None:
        raise InputError(
            Issue(
                "timestamp",
                "the dataset has no column of time stamps, so rows cannot be placed in it.",
                "Upload the whole table anew.",
            )
        )
    rows = _renamed(rows, table, timestamp, item_id)
    if item_id and item_id not in rows.columns and table[item_id].nunique() == 1:
        rows = rows.assign(**{item_id: table[item_id].dropna().iloc[0]})
    issues = _strange_columns(table, rows, [timestamp, *([item_id] if item_id else [])])
    if available_at is not None and available_at not in table.columns:
        issues.append(
            Issue(
                "available_at",
                f"the dataset has no column '{available_at}'.",
                "Name the column that says since when a row is known.",
            )
        )
    if issues:
        raise InputError(issues)
    rows = rows.reset_index(drop=True)
    old, new = _keys(table, rows, timestamp, item_id)
    if available_at is None:
        place = _places(old, new, timestamp)
    else:
        old, new = _with_vintages(old, table, available_at), _with_vintages(new, rows, available_at)
        rows, place = _places_of_vintages(old, new, rows, timestamp)
    known = place >= 0
    grown = pd.concat(
        [table.reset_index(drop=True), pd.DataFrame(index=range(int((~known).sum())))],
        ignore_index=True,
    )
    where = place.copy()
    where[~known] = len(table) + np.arange(int((~known).sum()))
    for name in rows.columns:
        is_stamp = name in (timestamp, available_at)
        values = _of_kind(rows[name], table[name], name, is_stamp=is_stamp)
        given = values.notna().to_numpy() & ~(known & (name in (timestamp, item_id, available_at)))
        joined = grown[name].astype(_common_kind(table[name], values))
        joined.iloc[where[given]] = values[given].to_numpy()
        grown[name] = joined
    return Appended(grown, int((~known).sum()), int(known.sum()))


def _renamed(
    rows: pd.DataFrame, table: pd.DataFrame, timestamp: str, item_id: str | None
) -> pd.DataFrame:
    """The rows with the table's names where they use a usual alias."""
    names = {}
    if timestamp not in rows.columns and (found := find_timestamp(rows)) is not None:
        names[found] = timestamp
    if item_id and item_id not in rows.columns and (found := find_item_id(rows)) is not None:
        names[found] = item_id
    target = _only(_TARGETS, table.columns)
    given = _only(_TARGETS, rows.columns)
    if target and given and target not in rows.columns and given not in table.columns:
        names[given] = target
    return rows.rename(columns=names)


def _only(names: Sequence[str], columns: "pd.Index[str]") -> str | None:
    return next((name for name in names if name in columns), None)


def _strange_columns(table: pd.DataFrame, rows: pd.DataFrame, needed: list[str]) -> list[Issue]:
    listed = ", ".join(f"'{name}'" for name in table.columns[:20])
    return [
        Issue(str(name), "the dataset has no such column.", f"Send some of {listed}.")
        for name in rows.columns
        if name not in table.columns
    ] + [
        Issue(name, "this column says where a row belongs, and is left out.", "Add it.")
        for name in needed
        if name not in rows.columns
    ]


@dataclass(frozen=True)
class _Keys:
    """Series, by number over both tables, stamps and vintages of rows."""

    series: Ints
    time: npt.NDArray[np.datetime64]
    vintage: npt.NDArray[np.datetime64] | None = None  # NaT where a row does not say


def _keys(
    table: pd.DataFrame, rows: pd.DataFrame, timestamp: str, item_id: str | None
) -> tuple[_Keys, _Keys]:
    told, new = _stamps(table, timestamp), _stamps(rows, timestamp)
    if (told.utc is None) != (new.utc is None):
        raise InputError(
            Issue(
                timestamp,
                "the stamps do not say their offset from UTC, as those of the dataset do."
                if new.utc is None
                else "the stamps say their offset from UTC, those of the dataset do not.",
                "Write the stamps as in the dataset.",
                1,
            )
        )
    series = np.zeros(len(table) + len(rows), np.int64)
    if item_id is not None:
        missing = rows[item_id].isna().to_numpy()
        if missing.any():
            raise InputError(
                Issue(
                    item_id,
                    "the name of the series is missing.",
                    "Name the series in every row.",
                    int(np.argmax(missing)) + 1,
                )
            )
        names = pd.concat([_names(table[item_id]), _names(rows[item_id])], ignore_index=True)
        series = pd.factorize(names, use_na_sentinel=False)[0].astype(np.int64)
    times = [stamps.wall if stamps.utc is None else stamps.utc for stamps in (told, new)]
    return _Keys(series[: len(table)], times[0]), _Keys(series[len(table) :], times[1])


def _stamps(table: pd.DataFrame, timestamp: str) -> Stamps:
    stamps, issue = parse_stamps(table[timestamp], timestamp)
    if stamps is None:
        raise InputError(issue or [])
    return stamps


def _names(values: pd.Series) -> pd.Series:
    """Series names as texts; a whole number beside missing ones has no `.0`."""
    if pd.api.types.is_float_dtype(values.dtype):
        values = values.astype("Int64") if (values.dropna() % 1 == 0).all() else values
    return as_text(values)


def _places(old: _Keys, new: _Keys, timestamp: str) -> Ints:
    """[n] row of the table that each new row replaces, -1 where it follows behind the table."""
    wanted = pd.MultiIndex.from_arrays([new.series, new.time])
    near = np.flatnonzero(np.isin(old.time, new.time))  # all else cannot match
    told = pd.MultiIndex.from_arrays([old.series[near], old.time[near]])
    first = ~told.duplicated()
    found = told[first].get_indexer(wanted)
    place = np.where(found < 0, -1, np.append(near[first], -1)[found]).astype(np.int64)
    last = pd.Series(old.time).groupby(old.series).max()
    ends = last.reindex(new.series).to_numpy()
    later = np.isnat(ends) | (new.time > ends)
    lost = (place < 0) & ~later
    ambiguous = wanted.isin(told[told.duplicated()])
    repeated = wanted.duplicated() & (place >= 0)
    for mask, why, mend in (
        (
            lost,
            "lies before the end of its series and is no stamp the dataset has.",
            "Send rows that follow, or upload the whole table anew.",
        ),
        (
            ambiguous,
            "stands in more than one row of the dataset, so which is meant is open.",
            "Upload the whole table anew.",
        ),
        (repeated, "appears twice.", "Keep one row for each stamp and series."),
    ):
        if mask.any():
            row = int(np.argmax(mask))
            raise InputError(
                Issue(timestamp, f"the stamp {pd.Timestamp(new.time[row])} {why}", mend, row + 1)
            )
    return place


def _with_vintages(keys: _Keys, table: pd.DataFrame, available_at: str) -> _Keys:
    vintage = np.full(len(table), np.datetime64("NaT", "us"))
    if available_at in table.columns and (told := table[available_at].notna().to_numpy()).any():
        stamps = _stamps(table[told], available_at)
        vintage[told] = stamps.wall if stamps.utc is None else stamps.utc
    return _Keys(keys.series, keys.time, vintage)


def _places_of_vintages(
    old: _Keys, new: _Keys, rows: pd.DataFrame, timestamp: str
) -> tuple[pd.DataFrame, Ints]:
    """The rows, one for each row of the table that they fill in, and the places of these."""
    assert old.vintage is not None
    assert new.vintage is not None
    behind = pd.Series(old.time).groupby(old.series).max().reindex(new.series).to_numpy()
    later = np.isnat(behind) | (new.time > behind)
    there: dict[tuple[int, Any], list[int]] = {}
    for row in np.flatnonzero(np.isin(old.time, new.time)):
        there.setdefault((int(old.series[row]), old.time[row]), []).append(int(row))
    sources, places = [], []
    for number, key in enumerate(zip(new.series.tolist(), new.time, strict=True)):
        of_stamp, vintage = there.get(key, []), new.vintage[number]
        if not of_stamp and not later[number]:
            raise InputError(
                Issue(
                    timestamp,
                    f"the stamp {pd.Timestamp(key[1])} lies before the end of its series and is "
                    "no stamp the dataset has.",
                    "Send rows that follow, or upload the whole table anew.",
                    number + 1,
                )
            )
        fills = (
            of_stamp if np.isnat(vintage) else [i for i in of_stamp if old.vintage[i] == vintage]
        )
        for place in fills or [-1]:
            sources.append(number)
            places.append(place)
    spread, place_of = rows.iloc[sources].reset_index(drop=True), np.array(places, np.int64)
    filled = place_of[place_of >= 0]
    if len(np.unique(filled)) < len(filled):
        lost = int(np.flatnonzero(pd.Series(place_of).duplicated() & (place_of >= 0))[0])
        stamp = pd.Timestamp(new.time[sources[lost]])
        raise InputError(
            Issue(
                timestamp,
                f"the stamp {stamp} appears twice for one vintage.",
                "Keep one row for each stamp, series and vintage.",
                sources[lost] + 1,
            )
        )
    return spread, place_of


def _of_kind(values: pd.Series, like: pd.Series, name: str, *, is_stamp: bool) -> pd.Series:
    """The new values of a column in the kind of the old ones."""
    if is_stamp:
        return _stamps_like(values, like)
    if _is_number(like):
        if values.isna().all():
            return pd.Series(np.nan, values.index)
        numbers = values if _is_number(values) else pd.to_numeric(values, errors="coerce")
        wrong = (numbers.isna() & values.notna()).to_numpy()
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(
                Issue(
                    name,
                    f"'{str(values.iloc[row])[:40]}' is not a number, as in the dataset.",
                    "Send numbers, and leave missing values empty.",
                    row + 1,
                )
            )
        return numbers
    if pd.api.types.is_bool_dtype(like.dtype) and pd.api.types.is_bool_dtype(values.dtype):
        return values
    return as_text(values)


def _common_kind(old: pd.Series, new: pd.Series) -> Any:
    """A kind that holds both; numbers become floats where some are missing."""
    if pd.api.types.is_datetime64_any_dtype(old.dtype):
        return old.dtype
    if _is_number(old) and _is_number(new):
        whole = pd.api.types.is_integer_dtype(old.dtype) and pd.api.types.is_integer_dtype(
            new.dtype
        )
        return "Int64" if whole else np.float64
    if pd.api.types.is_bool_dtype(old.dtype) and pd.api.types.is_bool_dtype(new.dtype):
        return "boolean"
    return "object"


def _stamps_like(values: pd.Series, like: pd.Series) -> pd.Series:
    if not pd.api.types.is_datetime64_any_dtype(like.dtype):
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            return pd.Series([stamp.isoformat() for stamp in values], values.index, dtype="object")
        return as_text(values)
    zone = like.dtype.tz if isinstance(like.dtype, pd.DatetimeTZDtype) else None
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values if zone is None else values.dt.tz_convert(zone)
    stamps = _stamps(values.to_frame("stamps"), "stamps")
    if zone is None:
        return pd.Series(stamps.wall, values.index)
    local: pd.Series = pd.Series(stamps.utc, values.index).dt.tz_localize("UTC").dt.tz_convert(zone)
    return local


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(
        values.dtype
    )
