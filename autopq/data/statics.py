"""Static features: what a series is, as numbers that are the same in each of its rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from autopq.data.columns import Columns
from autopq.data.panel import Floats, Statics
from autopq.data.stamps import as_text
from autopq.errors import InputError, Issue

# A category that few series share says little more than their names would.
_MOST_CATEGORIES = 24


@dataclass(frozen=True)
class _Encoded:
    names: list[str]
    values: list[Floats]  # [S] each


def read_statics(table: pd.DataFrame, columns: Columns) -> Statics | None:
    """The static features of each series, in the order in which the series appear.

    Numbers stay numbers, with the median where a series has none. Of texts and truth values every
    category becomes a feature that is 1 where it holds, the 24 commonest at most. Columns that are
    the same for all series tell nothing and are left out; None when nothing is left. Raises
    InputError for a column that changes within a series.
    """
    if not columns.static:
        return None
    if columns.item_id is None:
        series = np.zeros(len(table), np.int64)
    else:
        series = pd.factorize(table[columns.item_id])[0].astype(np.int64)
    encoded = _Encoded([], [])
    issues: list[Issue] = []
    for name in columns.static:
        by_series = table[name].groupby(series)
        changing = by_series.transform("first").ne(table[name]) & table[name].notna()
        if changing.any():
            row = int(np.argmax(changing.to_numpy()))
            issues.append(
                Issue(
                    name,
                    f"is {_short(table[name].iloc[row])} here and "
                    f"{_short(by_series.first().loc[series[row]])} in another row of its series.",
                    "Give one value a series; a column that changes is a known covariate, if its "
                    "future is known.",
                    row + 1,
                )
            )
            continue
        _encode(name, by_series.first(), encoded)
    if issues:
        raise InputError(issues)
    if not encoded.names:
        return None
    return Statics(tuple(encoded.names), np.stack(encoded.values, axis=1))


def _encode(name: str, values: pd.Series, encoded: _Encoded) -> None:
    """`values` has one entry a series."""
    values = values.infer_objects()
    if values.nunique(dropna=False) < 2:
        return
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        known = np.isfinite(numbers)
        encoded.names.append(name)
        encoded.values.append(np.where(known, numbers, np.median(numbers[known])))
        return
    text = as_text(values)
    for category in sorted(text.value_counts().index[:_MOST_CATEGORIES]):
        encoded.names.append(f"{name}={category}")
        encoded.values.append((text == category).fillna(False).to_numpy(np.float64))


def _short(value: object) -> str:
    return f"'{str(value)[:40]}'"
