"""Tables from strangers: read whole, or refused with the row and the mend."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

from autopq.data.table import ARROW, CSV, PARQUET, MediaType, TableLimits, from_columns, read_table
from autopq.errors import InputError, Issue


def write(tmp_path: Path, content: bytes | str) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(
    path: Path, *, media_type: MediaType | None = None, limits: TableLimits | None = None
) -> Issue:
    with pytest.raises(InputError) as caught:
        read_table(path, media_type=media_type, limits=limits)
    return caught.value.issues[0]


def small_table() -> pa.Table:
    return pa.table(
        {
            "time": pd.date_range("2024-01-01", periods=3, freq="h"),
            "site": ["a", "b", "a"],
            "load": [1.5, None, 3.0],
        }
    )


def write_parquet(path: Path, table: pa.Table) -> Path:
    pa.parquet.write_table(table, path)
    return path


def write_arrow(path: Path, table: pa.Table) -> Path:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return path


def test_csv_keeps_numbers_texts_and_offsets(tmp_path: Path) -> None:
    table = read_table(
        write(
            tmp_path, "time,item_id,load\n2024-03-31T01:00+01:00,007,1\n2024-03-31T03:00+02:00,8,\n"
        )
    )
    assert table["time"].tolist() == ["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00"]
    assert table["item_id"].tolist() == ["007", "8"]
    assert table["load"].iloc[0] == 1
    assert np.isnan(table["load"].iloc[1])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_delimiter_and_byte_order_mark(tmp_path: Path, delimiter: str) -> None:
    text = "time,load\n2024-01-01,1\n".replace(",", delimiter)
    table = read_table(write(tmp_path, b"\xef\xbb\xbf" + text.encode()))
    assert table.columns.tolist() == ["time", "load"]


@pytest.mark.parametrize("late", ["2.5", "1,5x", "true"])
def test_csv_kind_found_late_does_not_lose_a_cell(tmp_path: Path, late: str) -> None:
    # The first block is 1 MB: the odd cell lies beyond it.
    rows = 200_000
    cell = f'"{late}"'
    path = write(tmp_path, "time,load\n" + "2024-01-01,1\n" * rows + f"2024-01-01,{cell}\n")
    table = read_table(path, media_type=CSV)
    assert len(table) == rows + 1
    assert str(table["load"].iloc[-1]) == late


def test_parquet_and_arrow_read_alike(tmp_path: Path) -> None:
    parquet = read_table(write_parquet(tmp_path / "p", small_table()), media_type=PARQUET)
    arrow = read_table(write_arrow(tmp_path / "a", small_table()), media_type=ARROW)
    for table in (parquet, arrow):
        assert table["site"].astype("str").tolist() == ["a", "b", "a"]
        assert table["time"].iloc[1] == pd.Timestamp("2024-01-01 01:00")
        assert np.isnan(table["load"].iloc[1])


@pytest.mark.parametrize(
    ("content", "said", "row"),
    [
        ("", "empty", None),
        ("\n\n", "empty", None),
        ("time,load\n", "no rows", None),
        ("time,load\n2024-01-01,1\n2024-01-02,2,3\n", "3 cells, the header 2", 2),
        ("time,load\n2024-01-01,1\n\n2024-01-02\n", "1 cells, the header 2", 2),
        ("time,load,load\n2024-01-01,1,2\n", "more than once", None),
        (b"time,load\n2024-01-01,1\n2024-01-02,\xff\xfe\n", "not UTF-8", 2),
        (b"t\xffme,load\n2024-01-01,1\n", "header is not UTF-8", 0),
        ("time,load\n".encode("utf-16"), "neither UTF-8 text", None),
        (b"\x1f\x8b\x08" + b"x" * 50, "compressed", None),
        (b"PAR1" + b"\x00" * 50, "cut off", None),
        (b"PAR1" + b"\x07" * 50 + b"PAR1", "cannot be read", None),
        (b"\xff\xff\xff\xff" + b"\x01" * 60, "cannot be read", None),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither UTF-8 text", None),
        ("time,load\n2024-01-01," + "1" * 3_000_000 + "\n", "longer than 1 MB", None),
    ],
)
def test_broken_files_are_refused_with_their_row(
    tmp_path: Path, content: str | bytes, said: str, row: int | None
) -> None:
    issue = refusal(write(tmp_path, content))
    assert said in str(issue)
    assert issue.row == row
    assert issue.mend


def test_ragged_row_far_down_is_counted(tmp_path: Path) -> None:
    content = "time,load\n" + "2024-01-01,1\n" * 200_000 + "2024-01-02\n"
    assert refusal(write(tmp_path, content)).row == 200_001


def test_a_file_that_is_not_what_it_says(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "p", small_table())
    assert "the content is application/vnd.apache.parquet" in refusal(path, media_type=CSV).message
    text = write(tmp_path, "time,load\n2024-01-01,1\n")
    assert "the content is text/csv" in refusal(text, media_type=PARQUET).message


@pytest.mark.parametrize("kind", ["parquet", "arrow", "csv"])
def test_row_and_cell_budgets(tmp_path: Path, kind: str) -> None:
    table = pa.table({"time": [0] * 1_000, "load": [1.0] * 1_000})
    if kind == "parquet":
        path = write_parquet(tmp_path / "p", table)
    elif kind == "arrow":
        path = write_arrow(tmp_path / "a", table)
    else:
        path = write(tmp_path, "time,load\n" + "0,1\n" * 1_000)
    assert len(read_table(path, limits=TableLimits(max_rows=1_000, max_cells=2_000))) == 1_000
    assert "limit is 999" in refusal(path, limits=TableLimits(max_rows=999)).message
    assert "limit is 1999" in refusal(path, limits=TableLimits(max_cells=1_999)).message
    assert "limit is 1." in refusal(path, limits=TableLimits(max_columns=1)).message


def test_parquet_bombs_stay_small_in_memory(tmp_path: Path) -> None:
    rows = 3_000_000
    path = write_parquet(tmp_path / "p", pa.table({"load": pa.repeat(1.0, rows)}))
    assert path.stat().st_size < 100_000
    before = pa.total_allocated_bytes()
    assert "limit is 1000000" in refusal(path, limits=TableLimits(max_bytes=1_000_000)).message
    assert pa.total_allocated_bytes() - before < 1_000_000


def test_one_long_text_in_many_rows_stays_one_text(tmp_path: Path) -> None:
    rows = 100_000
    text = "x" * 100_000  # 10 GB if every row held its own
    sites = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), [text])
    path = write_parquet(tmp_path / "p", pa.table({"site": sites, "load": pa.repeat(1.0, rows)}))
    table = read_table(path)
    assert len(table) == rows
    assert table.memory_usage(deep=False).sum() < 10_000_000


def test_the_index_of_a_data_frame_stays_a_column(tmp_path: Path) -> None:
    frame = small_table().to_pandas().set_index("time")
    frame.to_parquet(tmp_path / "p")
    assert "time" in read_table(tmp_path / "p").columns


def test_nested_columns_are_refused_by_name(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "p", pa.table({"load": [[1.0], [2.0]]}))
    assert refusal(path).field == "load"


def test_corrupted_arrow_never_crashes(tmp_path: Path) -> None:
    whole = write_arrow(tmp_path / "a", small_table()).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), size=4):
            damaged[place] = rng.integers(256)
        with suppress(InputError):
            read_table(write(tmp_path, bytes(damaged)))


def test_inline_columns() -> None:
    table = from_columns({"time": ["2024-01-01", "2024-01-02"], "load": [1, None]})
    assert table.shape == (2, 2)
    refused: list[tuple[dict[str, list[object]], str]] = [
        ({"time": ["a"], "load": [1, 2]}, "time"),
        ({"load": [1, [2]]}, "load"),
        ({"load": []}, "columns"),
        ({}, "columns"),
    ]
    for bad, field in refused:
        with pytest.raises(InputError) as caught:
            from_columns(bad)
        assert caught.value.issues[0].field == field
    with pytest.raises(InputError):
        from_columns({"load": [1, 2, 3]}, limits=TableLimits(max_rows=2))
