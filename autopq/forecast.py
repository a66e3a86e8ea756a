"""`Forecast`: quantiles and sample paths of one or many series, as data.

Knows numpy, pandas and Arrow alone, so a service can read and convert forecasts without loading
any model code. Shapes: n series, H steps, Q levels of the dense grid, S paths.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from autopq.errors import ArtifactError
from autopq.evaluation.grid import interpolate

Floats = npt.NDArray[np.float64]
FORMAT = 1


@dataclass(frozen=True)
class Fallback:
    """A series that something simpler than the model had to answer for, and why."""

    item_id: str
    used: str
    reason: str


@dataclass(frozen=True)
class Forecast:
    """Distributions over the next H steps of n series, in the target's units.

    `quantiles` stand on a dense grid of levels and never cross; any other level in (0, 1) is
    interpolated between them (beyond the outermost ones the outermost is returned). `paths` are
    joint draws: a quantile of a sum, a peak or a ramp comes from them.
    """

    target: str
    item_ids: tuple[str, ...]
    timestamps: npt.NDArray[np.datetime64]  # [n, H] UTC when `timezone` is set, else wall clock
    timezone: str | None
    levels: Floats  # [Q]
    quantiles: Floats  # [n, H, Q]
    paths: npt.NDArray[np.float32]  # [n, S, H]
    fallbacks: tuple[Fallback, ...] = ()  # of the series the model could not answer for

    def at(self, levels: Sequence[float] | Floats) -> Floats:
        """[n, H, len(levels)] quantiles at any levels in (0, 1)."""
        return interpolate(self.quantiles, self.levels, np.asarray(levels, float))

    def index(self) -> pd.DataFrame:
        """One row a series and step: `item_id, timestamp`; stamps carry their zone if known."""
        horizon = self.timestamps.shape[1]
        ids = np.repeat(np.array(self.item_ids, object), horizon)
        return pd.DataFrame({"item_id": ids, "timestamp": self.stamps()})

    def stamps(self) -> pd.Series:
        """[n * H] of all series and steps; with their zone if known."""
        stamps = pd.Series(self.timestamps.reshape(-1))
        if self.timezone is not None:
            stamps = stamps.dt.tz_localize("UTC").dt.tz_convert(self.timezone)
        return stamps

    def to_frame(self, levels: Sequence[float]) -> pd.DataFrame:
        """Long table `item_id, timestamp, <level>, ...`; column names are the levels."""
        values = self.at(levels).reshape(-1, len(levels))
        return pd.concat(
            [self.index(), pd.DataFrame(values, columns=[f"{level:g}" for level in levels])], axis=1
        )

    def save(self, path: Path) -> None:
        """Write as one Parquet file, one row a series and step."""
        n, horizon, _ = self.quantiles.shape
        by_step = np.moveaxis(self.paths, 1, 2).reshape(n * horizon, -1)
        columns = {
            "item_id": pa.array(np.repeat(np.array(self.item_ids, object), horizon), pa.string()),
            "timestamp": pa.array(self.timestamps.reshape(-1).astype("datetime64[us]")),
            "quantiles": _fixed_lists(self.quantiles.reshape(n * horizon, -1)),
            "paths": _fixed_lists(by_step),
        }
        meta = {
            "format": FORMAT,
            "target": self.target,
            "timezone": self.timezone,
            "levels": self.levels.tolist(),
            "horizon": horizon,
            "fallbacks": [asdict(fallback) for fallback in self.fallbacks],
        }
        table = pa.table(columns).replace_schema_metadata({"autopq": json.dumps(meta)})
        pq.write_table(
            table,
            path,
            compression="zstd",
            # Few numbers come twice, and those beside each other differ in their last bytes most.
            use_dictionary=["item_id", "timestamp"],
            use_byte_stream_split=["quantiles.list.element", "paths.list.element"],
        )

    @classmethod
    def load(cls, path: Path, *, paths: bool = True) -> Self:
        """Read what `save` wrote; `paths=False` skips the sample paths, leaving S = 0."""
        columns = ["item_id", "timestamp", "quantiles", *(["paths"] if paths else [])]
        with pq.ParquetFile(path) as file:  # threads would take longer to start than to read
            table = file.read(columns, use_threads=False)
        raw = (table.schema.metadata or {}).get(b"autopq")
        if raw is None or (meta := json.loads(raw)).get("format") != FORMAT:
            raise ArtifactError(f"{path.name} is not a forecast of a version this software reads")
        horizon = meta["horizon"]
        n = table.num_rows // horizon
        ids = table["item_id"].take(np.arange(0, table.num_rows, horizon)).to_pylist()
        stamps = table["timestamp"].to_numpy().astype("datetime64[ns]").reshape(n, horizon)
        drawn = _matrix(table["paths"]) if paths else np.empty((n * horizon, 0), np.float32)
        return cls(
            target=meta["target"],
            item_ids=tuple(ids),
            timestamps=stamps,
            timezone=meta["timezone"],
            levels=np.asarray(meta["levels"], float),
            quantiles=_matrix(table["quantiles"]).reshape(n, horizon, -1),
            paths=np.moveaxis(drawn.reshape(n, horizon, -1), 1, 2).astype(np.float32),
            fallbacks=tuple(Fallback(**fallback) for fallback in meta.get("fallbacks", ())),
        )


def _fixed_lists(matrix: npt.NDArray[np.floating]) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(matrix).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


def _matrix(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    width = column.type.list_size
    flat: npt.NDArray[Any] = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, width)
