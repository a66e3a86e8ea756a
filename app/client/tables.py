"""Tables on their way to the service: a file as it is, a DataFrame as Parquet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:  # half of a command's start would go into importing it
    import pandas as pd

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.stream"

Table: TypeAlias = "pd.DataFrame | str | os.PathLike[str]"

_MEDIA_TYPES = {
    ".csv": CSV,
    ".parquet": PARQUET,
    ".arrow": ARROW,
    ".arrows": ARROW,
}


@contextmanager
def opened(table: Table) -> Iterator[tuple[BinaryIO, str]]:
    """The bytes of a table and their media type. A named index of a DataFrame becomes columns.

    A file without a known suffix is sent as CSV. Raises OSError when it cannot be read.
    """
    if isinstance(table, str | os.PathLike):
        path = Path(table)
        with path.open("rb") as file:
            yield file, _MEDIA_TYPES.get(path.suffix.lower(), CSV)
    else:
        columns = table.reset_index() if any(table.index.names) else table
        buffer = BytesIO()
        columns.to_parquet(buffer, index=False)
        buffer.seek(0)
        yield buffer, PARQUET
