"""Tables that a spreadsheet opens without taking a text in them for a formula."""

from typing import Any

import pandas as pd

# The last four are the full-width forms, which some spreadsheets take for the first ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before every text that would be taken for a formula."""
    texts = table.select_dtypes(include=["object", "string"])
    return table.assign(**{str(name): _quoted(column) for name, column in texts.items()})


def harmless_text(text: str) -> str:
    """The same for one cell."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _quoted(column: pd.Series) -> list[Any]:
    # Of the texts of a column most are the same, and few are looked at.
    made: dict[Any, Any] = {}
    for text in column.unique():
        made[text] = harmless_text(text) if isinstance(text, str) else text
    return [made.get(text, text) for text in column]
