"""What a table seems to hold, before anyone says what to forecast."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from autopq.data.columns import find_item_id, find_timestamp
from autopq.data.frequency import infer_frequency
from autopq.data.panel import Ints
from autopq.data.stamps import StampKind, Stamps, parse_stamps, share_of_stamps
from autopq.errors import InputError

ColumnKind = Literal["number", "time", "boolean", "text", "empty"]

_SAMPLE_ROWS = 100


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One column: its kind, its empty cells, its first value as text."""

    name: str
    kind: ColumnKind
    missing: int
    example: str | None


@dataclass(frozen=True)
class Inspection:
    """A table at first sight. All that is guessed can be None; nothing here is an error yet."""

    rows: int
    columns: tuple[ColumnSummary, ...]
    timestamp: str | None
    item_id: str | None
    series: int
    start: str | None
    end: str | None
    stamps: StampKind | None
    timezone: str | None  # as the stamps themselves say
    freq: str | None
    duplicates: int  # stamps that appear again within their series
    unordered: int  # rows before which the clock runs backwards within their series
    gaps: int  # places where more than one step passes from one row to the next

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def inspection_of(table: pd.DataFrame) -> Inspection:
    """A summary of a table; raises nothing for what is wrong with its content."""
    timestamp, item_id = find_timestamp(table), find_item_id(table)
    if item_id == timestamp:
        item_id = None
    stamps = None
    if timestamp is not None and len(table) > 0:
        stamps = parse_stamps(table[timestamp], timestamp)[0]
    series = np.zeros(len(table), np.int64)
    if item_id is not None:
        series = pd.factorize(table[item_id], use_na_sentinel=False)[0].astype(np.int64)
    order = np.argsort(series, kind="stable")
    facts = _Facts.of(stamps, series[order], order) if stamps is not None else _Facts()
    return Inspection(
        rows=len(table),
        columns=tuple(_column(str(name), table[name]) for name in table.columns),
        timestamp=timestamp,
        item_id=item_id,
        series=int(series.max()) + 1 if len(series) else 0,
        start=facts.start,
        end=facts.end,
        stamps=stamps.kind if stamps is not None else None,
        timezone=stamps.zone if stamps is not None else None,
        freq=facts.freq,
        duplicates=facts.duplicates,
        unordered=facts.unordered,
        gaps=facts.gaps,
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    start: str | None = None
    end: str | None = None
    freq: str | None = None
    duplicates: int = 0
    unordered: int = 0
    gaps: int = 0

    @classmethod
    def of(cls, stamps: Stamps, series: Ints, order: Ints) -> "_Facts":
        time = (stamps.wall if stamps.utc is None else stamps.utc)[order]
        frame = pd.DataFrame({"series": series, "time": time})
        distinct = frame.drop_duplicates().sort_values(["series", "time"], kind="stable")
        within = np.diff(series) == 0
        freq = None
        gaps = 0
        try:
            frequency = infer_frequency(distinct["time"].to_numpy(), distinct["series"].to_numpy())
            freq = frequency.alias
            if frequency.step is not None:
                steps = np.diff(distinct["time"].to_numpy())[np.diff(distinct["series"]) == 0]
                gaps = int((steps > frequency.step.to_timedelta64()).sum())
        except InputError:
            pass
        return cls(
            start=pd.Timestamp(stamps.wall.min()).isoformat(),
            end=pd.Timestamp(stamps.wall.max()).isoformat(),
            freq=freq,
            duplicates=len(frame) - len(distinct),
            unordered=int((np.diff(time)[within] < np.timedelta64(0)).sum()),
            gaps=gaps,
        )


def _column(name: str, values: pd.Series) -> ColumnSummary:
    given = values.dropna()
    return ColumnSummary(
        name=name,
        kind=_kind(given),
        missing=len(values) - len(given),
        example=str(given.iloc[0])[:60] if len(given) else None,
    )


def _kind(given: pd.Series) -> ColumnKind:
    if len(given) == 0:
        return "empty"
    if pd.api.types.is_bool_dtype(given.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(given.dtype):
        return "number"
    return "time" if share_of_stamps(given.head(_SAMPLE_ROWS)) == 1 else "text"
