"""A table somewhere on our disk: an uploaded dataset, or columns sent inside a request."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import pandas as pd

from autopq.data.limits import TableLimits
from autopq.data.table import MediaType, from_columns, read_table

INLINE_MEDIA_TYPE = "application/json"


@dataclass(frozen=True)
class TableSource:
    """Where a table lies and what it claims to be."""

    path: Path
    media_type: str

    def read(self, limits: TableLimits) -> pd.DataFrame:
        """Raises InputError when the content is not a usable table of that kind."""
        if self.media_type == INLINE_MEDIA_TYPE:
            columns = json.loads(self.path.read_text(encoding="utf-8"))
            return from_columns(columns, limits=limits)
        return read_table(self.path, media_type=cast(MediaType, self.media_type), limits=limits)

    def as_dict(self) -> dict[str, str]:
        return {"path": str(self.path), "media_type": self.media_type}

    @classmethod
    def from_dict(cls, document: dict[str, str]) -> Self:
        return cls(Path(document["path"]), document["media_type"])
