"""Where SQLite must not lie: its locks and its shared memory do not work over a network."""

from pathlib import Path

import psutil
from sqlalchemy import make_url

# As the kernel names them; what starts with one of these counts, such as `nfs4` or `fuse.sshfs`.
_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "afs",
    "9p",
    "ncpfs",
    "lustre",
    "ceph",
    "glusterfs",
    "beegfs",
    "gpfs",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.ceph",
    "fuse.s3fs",
    "fuse.gcsfuse",
    "fuse.rclone",
    "webdav",
    "davfs",
)


class NetworkFileSystemError(Exception):
    """The SQLite file would lie where its locks do not work."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(
            f"The SQLite database {path} is on a network file system ({kind}), where its locks do "
            "not work.\nChoose a folder on a local disk with AUTOPQ_DATA_DIR."
        )


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite address; None for other databases and for one in memory."""
    parts = make_url(url)
    if parts.get_backend_name() != "sqlite" or parts.database in (None, "", ":memory:"):
        return None
    return Path(str(parts.database)).resolve()


def file_system_of(path: Path) -> str:
    """The kind of file system a path is on, as the kernel names it; empty if unknown."""
    mounts = [
        (len(Path(part.mountpoint).parts), part.fstype)
        for part in psutil.disk_partitions(all=True)
        if path.is_relative_to(part.mountpoint)
    ]
    return max(mounts, default=(0, ""))[1]


def is_network(kind: str) -> bool:
    return kind.lower().startswith(_NETWORK)


def check_database_file(url: str) -> None:
    """Raises NetworkFileSystemError."""
    path = sqlite_file(url)
    if path is not None and is_network(kind := file_system_of(path)):
        raise NetworkFileSystemError(path, kind)
