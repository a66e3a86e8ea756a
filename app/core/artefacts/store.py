"""`ArtefactStore`: files and folders by name, whole and unaltered, wherever they lie.

An artefact is a few blobs, named by their SHA-256, and a manifest that says which file of it each
one is. The manifest is written last, so an artefact is there whole or not at all; who fetches it
gets the bytes that were put, or an error.
"""

import hashlib
import json
import secrets
import shutil
from datetime import datetime
from pathlib import Path, PurePosixPath

from app.core.artefacts.blobs import Blobs
from app.core.artefacts.errors import DamagedArtefactError

_MANIFEST = "manifest.json"
_FORMAT = 1
_ITSELF = ""  # an artefact that is one file


class ArtefactStore:
    """Names are `<folder>/<name>`, made by the service."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def put(self, name: str, source: Path) -> None:
        """Keep a copy of a file or a folder."""
        self.complete(name, self.send(name, source))

    def send(self, name: str, source: Path) -> bytes:
        """The long part of `put`, of which nobody sees anything. Gives what `complete` asks for."""
        files = {}
        for relative, path in _files(source).items():
            digest = _digest(path)
            self._blobs.write(f"{name}/{digest}", path)
            files[relative] = {"sha256": digest, "size": path.stat().st_size}
        return json.dumps({"format": _FORMAT, "files": files}, sort_keys=True).encode()

    def complete(self, name: str, manifest: bytes) -> None:
        """From now on the artefact is what was sent."""
        self._blobs.write(f"{name}/{_MANIFEST}", manifest)

    def fetch(self, name: str, target: Path) -> None:
        """Write what was put to `target`, which appears whole or not at all. Raises
        MissingArtefactError, DamagedArtefactError and StoreUnavailableError."""
        files = self._manifest(name)
        arriving = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            for relative, digest in files.items():
                path = arriving / relative if relative else arriving
                path.parent.mkdir(parents=True, exist_ok=True)
                self._fetch_one(f"{name}/{digest}", digest, path)
            try:
                arriving.replace(target)
            except OSError:
                if not target.is_dir():  # else somebody else was faster
                    raise
        finally:
            if arriving.is_dir():
                shutil.rmtree(arriving, ignore_errors=True)
            else:
                arriving.unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """Harmless when there is none."""
        self._blobs.remove(f"{name}/{_MANIFEST}")
        for key, _ in list(self._blobs.list(name)):
            self._blobs.remove(key)

    def names(self, folder: str) -> dict[str, datetime]:
        """What there is, whole or in part, and when it was last written to."""
        found: dict[str, datetime] = {}
        for key, written in self._blobs.list(folder):
            name = key.rpartition("/")[0]
            found[name] = max(written, found.get(name, written))
        return found

    def tidy(self, before: datetime) -> None:
        """Remove what was being written when its writer died, before that time."""
        self._blobs.tidy(before)

    def _manifest(self, name: str) -> dict[str, str]:
        """Digests by relative path."""
        content = b"".join(self._blobs.read(f"{name}/{_MANIFEST}"))
        try:
            files = json.loads(content)["files"]
            found = {str(path): str(about["sha256"]) for path, about in files.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedArtefactError(f"the manifest of {name} cannot be read") from error
        for relative in found:
            path = PurePosixPath(relative)
            if path.is_absolute() or ".." in path.parts:
                raise DamagedArtefactError(f"{name} names a file outside itself")
        return found

    def _fetch_one(self, key: str, digest: str, path: Path) -> None:
        found = hashlib.sha256()
        with path.open("wb") as file:
            for chunk in self._blobs.read(key):
                found.update(chunk)
                file.write(chunk)
        if found.hexdigest() != digest:
            raise DamagedArtefactError(f"{key} does not have the bytes that were put there")


def _files(source: Path) -> dict[str, Path]:
    if source.is_file():
        return {_ITSELF: source}
    inside = sorted(path for path in source.rglob("*") if path.is_file())
    return {path.relative_to(source).as_posix(): path for path in inside}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
