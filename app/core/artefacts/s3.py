"""Blobs as objects of an S3-compatible store, by obstore (extra `s3`).

Credentials, region and endpoint are the usual `AWS_*` environment variables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from app.core.artefacts.blobs import CHUNK_BYTES
from app.core.artefacts.errors import MissingArtefactError, StoreUnavailableError

_PATIENCE = timedelta(seconds=60)


class S3Blobs:
    """See `app.core.artefacts.blobs.Blobs`. A put becomes visible when it is complete."""

    def __init__(self, url: str) -> None:
        """`s3://bucket/prefix`."""
        self._store = S3Store.from_url(url, retry_config={"retry_timeout": _PATIENCE})

    def write(self, key: str, content: Path | bytes) -> None:
        with _answering():
            obstore.put(self._store, key, content)

    def read(self, key: str) -> Iterator[bytes]:
        with _answering(key):
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)

    def remove(self, key: str) -> None:
        with _answering():
            try:
                obstore.delete(self._store, key)
            except (NotFoundError, FileNotFoundError):
                return

    def list(self, folder: str) -> Iterator[tuple[str, datetime]]:
        with _answering():
            for page in obstore.list(self._store, prefix=folder):
                for found in page:
                    yield found["path"], found["last_modified"]


@contextmanager
def _answering(key: str | None = None) -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        if key is None:
            raise StoreUnavailableError(str(error)) from error
        raise MissingArtefactError(f"there is no {key}") from error
    except (BaseError, OSError) as error:
        raise StoreUnavailableError(str(error)) from error
