"""What a search is given besides data: where it is kept, and what did well before. Imports nothing
heavy: whoever starts a search says these things before its libraries are loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SearchStore:
    """Where a search is kept, so that another process can take it up: the states of the best fits
    in `folder`, and the trials in a journal beside them, or in the database at `url`, which must
    be one of its own. `name` tells the searches in one database apart."""

    folder: Path
    url: str | None = None
    name: str = ""


@dataclass(frozen=True)
class WarmStart:
    """A setting of a component that did well before, on similar data; `source` says where."""

    component: str
    params: Mapping[str, Any]
    source: str
