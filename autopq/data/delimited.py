"""CSV as an Arrow table: delimiter and column kinds found, broken rows named."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.types as kinds

from autopq.data.columns import ITEM_ID_NAMES
from autopq.data.limits import TableLimits, check_names
from autopq.errors import InputError, Issue

_BLOCK_BYTES = 1 << 20
_DELIMITERS = (",", ";", "\t")
_NULLS = ["", "NA", "N/A", "#N/A", "NaN", "nan", "-nan", "NaT", "NULL", "null", "None"]

Kinds = dict[str, pa.DataType]
Gather = Callable[[Iterable[pa.RecordBatch]], pa.Table]


class _KindChangedError(Exception):
    """A later block of the file contradicts the kinds found in the first one."""


def read_csv(path: Path, gather: Gather, limits: TableLimits) -> pa.Table:
    """A UTF-8 CSV file with a header, through `gather`, which may refuse to go on.

    Column kinds come from the first block. Where a later block contradicts them the file is read
    again with whole numbers widened and, failing that, with every column as text: the audit then
    names the offending cell of the columns that matter.

    Raises InputError naming the row at fault.
    """
    delimiter = _delimiter(path, limits)
    found = _kinds_of_first_block(path, delimiter)
    widened = {k: pa.float64() if kinds.is_integer(v) else v for k, v in found.items()}
    for columns in (found, widened):
        try:
            return gather(_batches(path, delimiter, columns))
        except _KindChangedError:
            continue
    return gather(_batches(path, delimiter, dict.fromkeys(found, pa.string())))


def _delimiter(path: Path, limits: TableLimits) -> str:
    with path.open("rb") as file:
        header = file.readline(_BLOCK_BYTES)
    try:
        text = header.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            Issue("file", "the header is not UTF-8 text.", "Save the file as UTF-8.", 0)
        ) from error
    delimiter = max(_DELIMITERS, key=text.count)
    limits.check(0, text.count(delimiter) + 1, 0)
    return delimiter


def _kinds_of_first_block(path: Path, delimiter: str) -> Kinds:
    """Numbers as numbers, all else as text: stamps keep their offsets, series their zeros."""
    schema = _open(path, delimiter, None).schema
    check_names(schema.names)
    return {
        field.name: field.type
        if kinds.is_floating(field.type)
        or (kinds.is_integer(field.type) and field.name.lower() not in ITEM_ID_NAMES)
        else pa.string()
        for field in schema
    }


def _batches(path: Path, delimiter: str, columns: Kinds) -> Iterator[pa.RecordBatch]:
    reader = _open(path, delimiter, columns)
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except pa.ArrowInvalid as error:
            raise _explained(error) from error
        yield batch


def _open(path: Path, delimiter: str, columns: Kinds | None) -> pa.csv.CSVStreamingReader:
    try:
        return pa.csv.open_csv(
            path,
            # One thread: only then do Arrow's messages count the rows.
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter),
            convert_options=pa.csv.ConvertOptions(
                column_types=columns, null_values=_NULLS, strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid as error:
        raise _explained(error) from error


def _explained(error: pa.ArrowInvalid) -> Exception:
    text = str(error)
    counted = re.search(r"Row #(\d+)", text)
    row = int(counted[1]) - 1 if counted else None  # Arrow counts the header as row 1
    if "invalid UTF8" in text:
        return InputError(Issue("file", "the row is not UTF-8 text.", "Save it as UTF-8.", row))
    if "conversion error" in text:
        return _KindChangedError(text)
    if ragged := re.search(r"Expected (\d+) columns, got (\d+)", text):
        return InputError(
            Issue(
                "file",
                f"the row has {ragged[2]} cells, the header {ragged[1]}.",
                "Give every row a cell for each column; quote texts that hold the delimiter.",
                row,
            )
        )
    if "straddling" in text:
        return InputError(
            Issue("file", "a row is longer than 1 MB.", "Send one time stamp in a row.", row)
        )
    return InputError(Issue("file", f"is not readable as CSV: {text}.", "Send CSV with a header."))
