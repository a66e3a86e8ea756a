"""A table somewhere on our disk: an uploaded dataset, or columns sent inside a request."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import pandas as pd

from autopq.data.limits import TableLimits, check_names
from autopq.data.table import MediaType, from_columns, read_table
from autopq.errors import InputError, Issue

INLINE_MEDIA_TYPE = "application/json"


@dataclass(frozen=True)
class TableSource:
    """Where a table lies and what it claims to be."""

    path: Path
    media_type: str

    def read(self, limits: TableLimits) -> pd.DataFrame:
        """Raises InputError when the content is not a usable table of that kind."""
        if self.media_type == INLINE_MEDIA_TYPE:
            return from_columns(_columns(self.path.read_bytes()), limits=limits)
        return read_table(self.path, media_type=cast(MediaType, self.media_type), limits=limits)

    def as_dict(self) -> dict[str, str]:
        return {"path": str(self.path), "media_type": self.media_type}

    @classmethod
    def from_dict(cls, document: dict[str, str]) -> Self:
        return cls(Path(document["path"]), document["media_type"])


def _columns(content: bytes) -> dict[str, list[Any]]:
    """The columns in `{"columns": {name: values}}`, which a stranger may have written."""
    try:
        document = json.loads(content, object_pairs_hook=_object)
        # JSON can escape half a surrogate pair, which no file and no database takes.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(
            Issue("file", "cannot be read as JSON in UTF-8.", "Send valid JSON.")
        ) from error
    columns = document.get("columns") if isinstance(document, dict) else None
    if not isinstance(columns, dict) or len(document) != 1:
        raise InputError(
            Issue(
                "columns",
                "the document is no table.",
                'Send {"columns": {name: [values, ...], ...}} and nothing else.',
            )
        )
    issues = [
        Issue(name, "holds no list of values.", "Send a list of texts and numbers.")
        for name, values in columns.items()
        if not isinstance(values, list)
    ]
    if issues:
        raise InputError(issues)
    return columns


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a repeated name would hide a column."""
    check_names([name for name, _ in pairs])
    return dict(pairs)
