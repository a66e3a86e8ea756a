"""A forecast as JSON columns, CSV or Parquet."""

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from autopq.forecast import Forecast

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Column name to values; stamps as ISO 8601."""
    stamps = [stamp.isoformat() for stamp in frame["timestamp"]]
    return {name: stamps if name == "timestamp" else frame[name].tolist() for name in frame.columns}


def csv(frame: pd.DataFrame) -> bytes:
    """Text cells that a spreadsheet would take for a formula are quoted with an apostrophe."""
    safe = frame.assign(
        item_id=frame["item_id"].map(
            lambda text: f"'{text}" if str(text).startswith(_FORMULA_STARTS) else text
        ),
        timestamp=[stamp.isoformat() for stamp in frame["timestamp"]],
    )
    return safe.to_csv(index=False).encode()


def parquet(frame: pd.DataFrame) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def path_table(forecast: Forecast) -> dict[str, Any]:
    """Joint draws, series by series."""
    n, horizon = forecast.timestamps.shape
    stamps = forecast.index()["timestamp"].to_list()
    return {
        "target": forecast.target,
        "item_ids": list(forecast.item_ids),
        "timestamps": [stamps[i * horizon : (i + 1) * horizon] for i in range(n)],
        "values": forecast.paths.tolist(),
    }
