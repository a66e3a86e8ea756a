"""Datasets over HTTP."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.datasets.inspection import Inspection


class Dataset(BaseModel):
    """An uploaded table. It never changes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "ds_0199c1f0a2b4d3f1c0ffee00d15ea5e0",
                    "created_at": "2026-11-22T20:15:00Z",
                    "media_type": "text/csv",
                    "size_bytes": 612345,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "rows": 8760,
                    "inspection": {"timestamp": "timestamp", "series": 1, "freq": "h"},
                }
            ]
        }
    )

    id: str
    created_at: datetime
    media_type: str
    size_bytes: int
    sha256: str
    rows: int
    inspection: Inspection = Field(
        description="What the table looks like before a task is known: columns and their kinds, "
        "the recognised time and series columns, range, step, gaps, duplicates, missing values."
    )
