"""Reading tables that strangers send: CSV, Parquet or Arrow, within a budget of memory.

The content decides, not the name: a file that is not what it says is refused. Budgets are checked
before and while decoding, because a few compressed kilobytes can unfold to gigabytes. A declared
size can lie, so a server should still read in a child process with a limit on its memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pyarrow.types as kinds

from autopq.data.delimited import read_csv
from autopq.data.limits import TableLimits, check_names
from autopq.errors import InputError, Issue

MediaType = Literal[
    "text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"
]
CSV: MediaType = "text/csv"
PARQUET: MediaType = "application/vnd.apache.parquet"
ARROW: MediaType = "application/vnd.apache.arrow.stream"

_ARROW_FILE_MAGIC = b"ARROW1\0\0"
_ARROW_STREAM_MAGIC = b"\xff\xff\xff\xff"
_COMPRESSED_MAGICS = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")
_TEXT_WIDTH = 32  # bytes budgeted for one text cell before it is decoded
_PARQUET_BATCH_ROWS = 65_536


def read_table(
    path: str | Path, *, media_type: MediaType | None = None, limits: TableLimits | None = None
) -> pd.DataFrame:
    """The table in a file, columns as written, rows in their order.

    Stamps written in a CSV stay text, so that their offsets survive until the audit.

    Raises InputError when the file is empty, damaged, over the limits, or not of `media_type`.
    """
    path, limits = Path(path), limits or TableLimits()
    found = _sniff(path)
    if media_type is not None and found != media_type:
        raise InputError(
            Issue(
                "file",
                f"the content is {found}, not {media_type}.",
                "Send the file with the media type of its content.",
            )
        )
    try:
        if found == CSV:
            table = read_csv(path, partial(_gather, limits=limits), limits)
        elif found == PARQUET:
            table = _gather(_parquet_batches(path, limits), limits)
        else:
            table = _gather(_arrow_batches(path, limits), limits)
        # Without the metadata of pandas, which would turn columns into an index, and which Arrow
        # parses, whether it is asked to ignore it or not.
        bare = table.replace_schema_metadata(None)
        frame: pd.DataFrame = bare.to_pandas(ignore_metadata=True, split_blocks=True)
    except (pa.ArrowException, UnicodeDecodeError, OSError, EOFError) as error:
        raise InputError(
            Issue("file", f"cannot be read as {found}: {_first_line(error)}.", "Send a whole file.")
        ) from error
    if len(frame) == 0:
        raise InputError(Issue("file", "the table has no rows.", "Send at least one series."))
    return frame


def from_columns(
    columns: Mapping[str, Sequence[object]], *, limits: TableLimits | None = None
) -> pd.DataFrame:
    """A small table given inline as `{column: values}`; values are texts, numbers or null.

    Raises InputError when lengths differ, a value is nested or a limit is exceeded.
    """
    limits = limits or TableLimits()
    lengths = {name: len(values) for name, values in columns.items()}
    if not lengths or max(lengths.values()) == 0:
        raise InputError(Issue("columns", "the table has no rows.", "Send at least one row."))
    usual = max(lengths.values())
    issues = [
        Issue(name, f"has {length} values, other columns {usual}.", "Send columns of one length.")
        for name, length in lengths.items()
        if length != usual
    ]
    for name, values in columns.items():
        row = next((i for i, v in enumerate(values, 1) if isinstance(v, list | dict | tuple)), None)
        if row is not None:
            issues.append(Issue(name, "holds a nested value.", "Send texts and numbers.", row))
    if issues:
        raise InputError(issues)
    limits.check(usual, len(columns), 8 * usual * len(columns))
    return pd.DataFrame({name: list(values) for name, values in columns.items()})


def _sniff(path: Path) -> MediaType:
    with path.open("rb") as file:
        head = file.read(4096)
        file.seek(max(0, path.stat().st_size - 4))
        tail = file.read(4)
    if not head.strip():
        raise InputError(Issue("file", "the file is empty.", "Send a table with a header row."))
    if head.startswith(b"PAR1"):
        if tail != b"PAR1":
            raise InputError(
                Issue("file", "the Parquet file is cut off: its footer is missing.", "Send it all.")
            )
        return PARQUET
    if head.startswith((_ARROW_FILE_MAGIC, _ARROW_STREAM_MAGIC)):
        return ARROW
    if head.startswith(_COMPRESSED_MAGICS):
        raise InputError(
            Issue("file", "the file is compressed.", "Send it uncompressed, or as Parquet.")
        )
    if b"\0" in head:
        raise InputError(
            Issue(
                "file",
                "the file is neither UTF-8 text nor Parquet nor Arrow.",
                "Send CSV in UTF-8, Parquet, or an Arrow stream.",
            )
        )
    return CSV


def _gather(batches: Iterable[pa.RecordBatch], limits: TableLimits) -> pa.Table:
    """All batches as one table, stopping as soon as a limit is passed."""
    kept: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        rows, size = rows + batch.num_rows, size + batch.nbytes
        limits.check(rows, batch.num_columns, size)
        kept.append(batch)
    if not kept:
        raise InputError(Issue("file", "the table has no rows.", "Send at least one series."))
    check_names(kept[0].schema.names)
    return pa.Table.from_batches(kept)


def _parquet_batches(path: Path, limits: TableLimits) -> Iterator[pa.RecordBatch]:
    # Text stays dictionary-encoded: one long text in a million rows is then one text in memory.
    schema = pa.parquet.read_schema(path, memory_map=False)
    _check_schema(schema, limits)
    texts = [field.name for field in schema if _is_text(field.type)]
    file = pa.parquet.ParquetFile(path, read_dictionary=texts)
    meta = file.metadata
    width = sum(_width(field.type) for field in schema)
    stored = sum(meta.row_group(i).total_byte_size for i in range(min(meta.num_row_groups, 10_000)))
    limits.check(meta.num_rows, len(schema.names), max(meta.num_rows * width, stored))
    yield from file.iter_batches(batch_size=_PARQUET_BATCH_ROWS, use_threads=False)


def _arrow_batches(path: Path, limits: TableLimits) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(path)) as source:
        is_file = source.read(len(_ARROW_FILE_MAGIC)) == _ARROW_FILE_MAGIC
        source.seek(0)
        reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        _check_schema(reader.schema, limits)
        if is_file:
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        else:
            batches = iter(reader)
        for batch in batches:
            # The buffers come from a stranger: unchecked offsets could point outside them.
            batch.validate(full=True)
            yield batch


def _check_schema(schema: pa.Schema, limits: TableLimits) -> None:
    limits.check(0, len(schema.names), 0)
    issues = [
        Issue(
            field.name,
            f"has the type {field.type}, which a table of series cannot hold.",
            "Send numbers, texts and time stamps.",
        )
        for field in schema
        if not _is_plain(field.type)
    ]
    if issues:
        raise InputError(issues)


def _is_text(kind: pa.DataType) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def _is_plain(kind: pa.DataType) -> bool:
    if kinds.is_dictionary(kind):
        return _is_plain(kind.value_type)
    return _is_text(kind) or any(
        test(kind)
        for test in (
            kinds.is_boolean,
            kinds.is_integer,
            kinds.is_floating,
            kinds.is_decimal,
            kinds.is_timestamp,
            kinds.is_date,
            kinds.is_null,
        )
    )


def _width(kind: pa.DataType) -> int:
    if kinds.is_dictionary(kind) or kinds.is_null(kind):
        return 8
    return _TEXT_WIDTH if _is_text(kind) else max(8, int(kind.bit_width) // 8)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
