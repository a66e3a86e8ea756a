"""Datasets over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.core.bodies import RequestBody
from app.datasets.inspection import Inspection
from autopq.task import TaskConfig

MAX_NAME = 200

Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="Counts from 1.")]

_VERSION: dict[str, JsonValue] = {
    "version": 1,
    "created_at": "2026-11-22T20:15:00Z",
    "media_type": "text/csv",
    "size_bytes": 612345,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "rows": 8760,
    "inspection": {
        "rows": 8760,
        "columns": [
            {"name": "timestamp", "kind": "time", "missing": 0, "example": "2025-01-01T00:00Z"},
            {"name": "load", "kind": "number", "missing": 0, "example": "41.2"},
        ],
        "timestamp": "timestamp",
        "item_id": None,
        "series": 1,
        "start": "2025-01-01T00:00:00",
        "end": "2025-12-31T23:00:00",
        "stamps": "offset",
        "timezone": "UTC",
        "freq": "h",
        "duplicates": 0,
        "unordered": 0,
        "gaps": 0,
    },
}


class _Table(BaseModel):
    """What is said of a table, whichever version it is."""

    created_at: datetime
    media_type: str
    size_bytes: int
    sha256: str = Field(description="Hash of the stored bytes.")
    rows: int
    inspection: Inspection = Field(
        description="What the table looks like before a task is known: columns and their kinds, "
        "the recognised time and series columns, range, step, gaps, duplicates, missing values."
    )


class Dataset(_Table):
    """A table, as of its newest version. What is appended makes a version; none ever changes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": "ds_0199c1f0a2b4d3f1c0ffee00d15ea5e0", "name": "site 7", **_VERSION}
            ]
        }
    )

    id: str
    name: str | None = Field(description="What its owner calls it.")
    version: int = Field(description="The newest version's number.")


class DatasetVersion(_Table):
    """A table as it was after an upload or an append."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset_id": "ds_0199c1f0a2b4d3f1c0ffee00d15ea5e0",
                    "added": 24,
                    "replaced": 24,
                    **_VERSION,
                    "version": 2,
                }
            ]
        }
    )

    dataset_id: str
    version: int
    added: int = Field(description="Rows that were new in it.")
    replaced: int = Field(description="Rows whose series and stamp were there before.")


class InlineTable(BaseModel):
    """A small table, column by column, as the body of an upload."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "columns": {
                        "timestamp": ["2026-01-01T00:00Z", "2026-01-01T01:00Z"],
                        "target": [41.2, 40.7],
                    }
                }
            ]
        },
    )

    columns: dict[str, list[str | float | bool | None]] = Field(
        description="Column name to values, all of one length; stamps as ISO 8601 text."
    )


class AuditCreate(RequestBody):
    """The task under which a dataset is to be audited."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"config": {"target": "load", "horizon": 24}}]}
    )

    config: TaskConfig = Field(default_factory=TaskConfig)
    version: Version | None = Field(None, description="The newest by default.")
