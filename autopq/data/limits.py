"""How large and how named a table may be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from autopq.errors import InputError, Issue


@dataclass(frozen=True, slots=True)
class TableLimits:
    """How large a table may become in memory."""

    max_rows: int = 5_000_000
    max_columns: int = 1_000
    max_cells: int = 50_000_000
    max_bytes: int = 1 << 30
    max_series: int = 50_000

    def check(self, rows: int, columns: int, size: int) -> None:
        """Raise InputError when `rows`, `columns`, their product or `size` in bytes is too much."""
        for found, limit, unit in (
            (rows, self.max_rows, "rows"),
            (columns, self.max_columns, "columns"),
            (rows * columns, self.max_cells, "cells"),
            (size, self.max_bytes, "bytes in memory"),
        ):
            if found > limit:
                raise InputError(
                    Issue(
                        "file",
                        f"the table has {found} or more {unit}; the limit is {limit}.",
                        "Send fewer series, a shorter past or only the columns needed.",
                    )
                )

    def check_series(self, series: int) -> None:
        """Raise InputError when a table holds too many series."""
        if series > self.max_series:
            raise InputError(
                Issue(
                    "item_id",
                    f"the table has {series} series; the limit is {self.max_series}.",
                    "Send fewer series, or check that this column names them.",
                )
            )


def check_names(names: Sequence[str]) -> None:
    """Raise InputError when a column name appears twice."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(
            [
                Issue(name, "this column appears more than once.", "Give columns distinct names.")
                for name in repeated
            ]
        )
