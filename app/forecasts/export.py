"""Tables of a forecast as JSON columns, CSV, Parquet or an Arrow stream."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from app.core.spreadsheets import harmless
from autopq.forecast import Forecast


def columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Column name to values; stamps as ISO 8601, what is no number as null."""
    return {str(name): _plain(frame[name]) for name in frame.columns}


def quantile_columns(forecast: Forecast, levels: Sequence[float]) -> dict[str, list[Any]]:
    """`columns` of the forecast's table, which is not made for it: that would take as long."""
    horizon = forecast.timestamps.shape[1]
    values = forecast.at(levels).reshape(-1, len(levels))
    return {
        "item_id": [item for item in forecast.item_ids for _ in range(horizon)],
        "timestamp": iso(forecast.stamps()),
        **{f"{level:g}": _plain(pd.Series(values[:, n])) for n, level in enumerate(levels)},
    }


def csv(frame: pd.DataFrame) -> bytes:
    """Text cells that a spreadsheet would take for a formula are quoted with an apostrophe."""
    stamps = {
        str(name): iso(frame[name])
        for name in frame.columns
        if pd.api.types.is_datetime64_any_dtype(frame[name].dtype)
    }
    return harmless(frame).assign(**stamps).to_csv(index=False).encode()


def parquet(frame: pd.DataFrame) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def arrow(frame: pd.DataFrame) -> bytes:
    """An Arrow IPC stream."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": csv,
    "parquet": parquet,
    "arrow": arrow,
}


def iso(stamps: pd.Series) -> list[str]:
    """ISO 8601 texts with the offset from UTC where a zone is known."""
    # The series of one forecast share their stamps, and texts are dear to make.
    of_row, distinct = pd.factorize(stamps, use_na_sentinel=False)
    texts = _iso(pd.Series(distinct))
    return [texts[number] for number in of_row.tolist()]


def _iso(stamps: pd.Series) -> list[str]:
    local: npt.NDArray[np.datetime64] = stamps.dt.tz_localize(None).to_numpy("datetime64[us]")
    whole = local.astype("datetime64[s]")
    shown = np.datetime_as_string(whole if bool((whole == local).all()) else local)
    if stamps.dt.tz is None:
        return [str(text) for text in shown.tolist()]
    utc = stamps.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    ahead, of_row = np.unique(
        (local - utc).astype("timedelta64[m]").astype(int), return_inverse=True
    )
    offsets = np.array([_offset(int(change)) for change in ahead])
    return [str(text) for text in np.char.add(shown, offsets[of_row]).tolist()]


def path_columns(forecast: Forecast) -> pd.DataFrame:
    """Joint draws as a long table `item_id, timestamp, path, value`, path by path."""
    n, count, horizon = forecast.paths.shape
    index = forecast.index()
    order = np.arange(n * horizon).reshape(n, 1, horizon).repeat(count, axis=1).ravel()
    return (
        index.iloc[order]
        .assign(path=np.tile(np.repeat(np.arange(count), horizon), n), value=forecast.paths.ravel())
        .reset_index(drop=True)
    )


def path_table(forecast: Forecast) -> dict[str, Any]:
    """Joint draws, series by series."""
    n, horizon = forecast.timestamps.shape
    stamps = iso(forecast.stamps())
    return {
        "target": forecast.target,
        "item_ids": list(forecast.item_ids),
        "timestamps": [stamps[i * horizon : (i + 1) * horizon] for i in range(n)],
        "values": forecast.paths.tolist(),
    }


def select(forecast: Forecast, item_ids: Sequence[str]) -> Forecast:
    """The series with these ids, in the forecast's order. Raises KeyError for an unknown one."""
    unknown = sorted(set(item_ids) - set(forecast.item_ids))
    if unknown:
        raise KeyError(unknown[0])
    rows = [i for i, item in enumerate(forecast.item_ids) if item in set(item_ids)]
    return replace(
        forecast,
        item_ids=tuple(forecast.item_ids[i] for i in rows),
        timestamps=forecast.timestamps[rows],
        quantiles=forecast.quantiles[rows],
        paths=forecast.paths[rows],
        fallbacks=tuple(f for f in forecast.fallbacks if f.item_id in set(item_ids)),
    )


def _offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def _plain(column: pd.Series) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return iso(column)
    if pd.api.types.is_float_dtype(column.dtype) and column.isna().any():
        return column.astype(object).where(column.notna(), None).tolist()
    return column.tolist()
