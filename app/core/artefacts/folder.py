"""Blobs as files of one folder, on this machine or mounted by all."""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
            _remove_if_empty(path.parent)

    def list(self, folder: str) -> Iterator[tuple[str, datetime]]:
        top = self._root / folder
        with _answering():
            paths = sorted(top.rglob("*"))
        for path in paths:
            try:
                with _answering(path.name):
                    found = path.stat()
            except MissingArtefactError:  # removed since
                continue
            if stat.S_ISREG(found.st_mode):
                written = datetime.fromtimestamp(found.st_mtime, UTC)
                yield path.relative_to(self._root).as_posix(), written

    def tidy(self, before: datetime) -> None:
        with _answering():
            for path in (self._root / _ARRIVING).glob("*"):
                with suppress(FileNotFoundError):  # it has arrived since
                    if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                        path.unlink()


def _remove_if_empty(folder: Path) -> None:
    """Others may remove it at the same time, or write to it."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
            raise


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
