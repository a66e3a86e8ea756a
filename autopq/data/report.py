"""What the audit found: plain facts that a page or a terminal can show."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MOST_LISTED = 100  # series, missing blocks and flat stretches listed one by one


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding that does not stop the fit. `code` is stable and meant for machines."""

    code: str
    message: str
    field: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that lie together in one series, first and last stamp included."""

    item_id: str
    column: str
    start: str
    end: str
    rows: int


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """One series; the figures are of its known target values."""

    item_id: str
    rows: int
    start: str
    end: str
    missing: int
    future_rows: int
    mean: float
    std: float
    minimum: float
    maximum: float


@dataclass(frozen=True)
class AuditReport:
    """The table as the product understood it."""

    rows: int
    series: int
    start: str
    end: str
    freq: str
    timezone: str | None
    timestamp: str
    item_id: str | None
    target: str
    known_covariates: tuple[str, ...]
    missing_rows: int  # stamps of the grid that the table lacks
    missing_values: Mapping[str, int]  # empty cells per column, absent rows not counted
    missing_blocks: tuple[Block, ...]  # the longest first
    flat_stretches: tuple[Block, ...]  # the same value for more than a season, longest first
    zero_share: float
    negative: int
    short_days: tuple[str, ...]  # local days on which the clock skips an hour
    long_days: tuple[str, ...]  # local days on which it repeats one
    per_series: tuple[SeriesSummary, ...]
    warnings: tuple[Remark, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)
