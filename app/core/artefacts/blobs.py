"""`Blobs`: the little that a store must do. Keys are made by `ArtefactStore` alone."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

CHUNK_BYTES = 2**20


class Blobs(Protocol):
    """Whole pieces of bytes by key, such as `models/job_1-1/manifest.json`.

    Every method raises StoreUnavailableError when the place cannot be reached or refuses."""

    def write(self, key: str, content: Path | bytes) -> None:
        """Readers see all of it or nothing. What was there before is replaced."""

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes in pieces. Raises MissingArtefactError."""

    def remove(self, key: str) -> None:
        """Harmless when there is none."""

    def list(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Keys below a folder, and when each was written."""

    def tidy(self, before: datetime) -> None:
        """Remove what writes that broke off before then left."""
