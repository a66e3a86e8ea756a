"""Blobs as objects of an S3-compatible store, by obstore (extra `s3`).

Credentials, region and endpoint are the usual `AWS_*` environment variables; credentials may be in
a file as well.
"""

import os
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as ConfigError
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from app.core.artefacts.blobs import CHUNK_BYTES
from app.core.artefacts.errors import MissingArtefactError, StoreUnavailableError

if TYPE_CHECKING:
    from obstore.store import S3Credential

_PATIENCE = timedelta(seconds=60)
_READ_AGAIN = timedelta(minutes=5)  # files of secrets change under a running service


class S3Blobs:
    """See `app.core.artefacts.blobs.Blobs`. A put becomes visible when it is complete."""

    def __init__(self, url: str) -> None:
        """`s3://bucket/prefix`."""
        file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
        provider = None if file is None else SharedCredentials(Path(file))
        self._store = S3Store.from_url(
            url, retry_config={"retry_timeout": _PATIENCE}, credential_provider=provider
        )

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

    def tidy(self, before: datetime) -> None:
        """Parts of an upload that broke off are no objects: the bucket's own rules remove them."""


class SharedCredentials:
    """The profile `AWS_PROFILE`, or `default`, of a file in AWS's format, which obstore itself does
    not read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._profile = os.environ.get("AWS_PROFILE", "default")

    def __call__(self) -> "S3Credential":
        parser = ConfigParser(interpolation=None)
        try:
            parser.read_string(self._file.read_text(encoding="utf-8"))
            profile = parser[self._profile]
            return {
                "access_key_id": profile["aws_access_key_id"],
                "secret_access_key": profile["aws_secret_access_key"],
                "token": profile.get("aws_session_token"),
                "expires_at": datetime.now(UTC) + _READ_AGAIN,
            }
        except (ConfigError, KeyError, ValueError) as error:
            # Not what it quotes: it may be the secret.
            raise OSError(
                f"{self._file} has no credentials of profile {self._profile!r} in AWS's format"
            ) from error


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
