"""A store by its address."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.core.artefacts.folder import FolderBlobs
from app.core.artefacts.store import ArtefactStore


def open_store(url: str) -> ArtefactStore:
    """`file:///folder` or `s3://bucket/prefix`. Raises ValueError for another address, and for
    one whose extra is not installed."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return ArtefactStore(FolderBlobs(Path(unquote(parts.path))))
    if parts.scheme == "s3" and parts.netloc:
        try:
            from app.core.artefacts.s3 import S3Blobs
        except ImportError as error:
            raise ValueError(
                "s3:// needs the extra `s3`: pip install 'autopq-service[s3]'"
            ) from error
        return ArtefactStore(S3Blobs(url))
    raise ValueError("use file:///folder or s3://bucket/prefix")
