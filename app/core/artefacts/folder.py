"""Blobs as files of one folder, on this machine or mounted by all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.core.artefacts.blobs import CHUNK_BYTES
from app.core.artefacts.errors import MissingArtefactError, StoreUnavailableError

_ARRIVING = ".arriving"


class FolderBlobs:
    """See `app.core.artefacts.blobs.Blobs`. Written beside, synced, then renamed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, key: str, content: Path | bytes) -> None:
        arriving = self._root / _ARRIVING / secrets.token_hex(16)
        target = self._root / key
        with _answering():
            arriving.parent.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with arriving.open("wb") as file:
                    if isinstance(content, bytes):
                        file.write(content)
                    else:
                        with content.open("rb") as source:
                            shutil.copyfileobj(source, file, CHUNK_BYTES)
                    file.flush()
                    os.fsync(file.fileno())
                arriving.replace(target)
            finally:
                arriving.unlink(missing_ok=True)

    def read(self, key: str) -> Iterator[bytes]:
        with _answering(key), (self._root / key).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def remove(self, key: str) -> None:
        path = self._root / key
        with _answering():
            path.unlink(missing_ok=True)
            if path.parent.is_dir() and not any(path.parent.iterdir()):
                path.parent.rmdir()

    def list(self, folder: str) -> Iterator[tuple[str, datetime]]:
        top = self._root / folder
        for path in sorted(top.rglob("*")):
            if path.is_file():
                written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                yield path.relative_to(self._root).as_posix(), written


@contextmanager
def _answering(key: str | None = None) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if key is None:
            raise StoreUnavailableError(str(error)) from error
        raise MissingArtefactError(f"there is no {key}") from error
    except OSError as error:
        raise StoreUnavailableError(str(error)) from error
