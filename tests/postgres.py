"""A private PostgreSQL server for tests and benchmarks: its own data, port, password and end.

The binaries are Debian's (`apt-get install postgresql`) or the ones on the path. PostgreSQL refuses
to run as root, so the server of a test that root runs belongs to the user `postgres`.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_DEBIAN = Path("/usr/lib/postgresql")
_PATIENCE_S = 60.0
# Tests may lose their data with the machine; what is measured may not.
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def binary(name: str) -> str:
    """Path of one of PostgreSQL's programs. Raises FileNotFoundError that says what to install."""
    newest_first = sorted(_DEBIAN.glob("*/bin"), key=lambda path: -float(path.parent.name))
    found = shutil.which("postgres") or next(
        (str(folder / "postgres") for folder in newest_first if (folder / "postgres").exists()),
        None,
    )
    if found is None:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    return str(Path(found).resolve().with_name(name))


class PostgresServer:
    """A server in a folder of its own. `start`, `stop` and `start` again keep its data and port."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = QUICK) -> None:
        self._data = folder / "data"
        self._log = folder / "log"
        self._settings = settings
        self._user = "postgres" if os.geteuid() == 0 else None
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._initialise(folder)

    def _initialise(self, folder: Path) -> None:
        words = folder / "password"
        words.write_text(self._password)
        if self._user is not None:
            shutil.chown(words, self._user)
        subprocess.run(
            [
                *(binary("initdb"), "--pgdata", self._data, "--username", "autopq"),
                *("--auth", "scram-sha-256", "--pwfile", words, "--no-sync"),
                *("--encoding", "UTF8", "--locale", "C"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **self._as_user(),
        )
        words.unlink()

    def url(self, database: str = "postgres") -> str:
        """Address for SQLAlchemy and for the service's settings."""
        return f"postgresql://autopq:{self._password}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """Of the process whose children serve the connections."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            **self._settings,
        }
        given = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [binary("postgres"), "-D", self._data, *given],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._data,
                start_new_session=True,
                **self._as_user(),
            )
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(self._log.read_text()) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, and every connection with it; committed rows stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_PATIENCE_S)
            self._process = None

    def create_database(self, name: str | None = None) -> str:
        """Make an empty database and return its address."""
        name = name or f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        entry = pwd.getpwnam(self._user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def running(settings: Mapping[str, str] = QUICK) -> Iterator[PostgresServer]:
    """A started server, stopped and removed at the end of the block."""
    # Not in pytest's folder, which no other user may enter.
    with tempfile.TemporaryDirectory(prefix="autopq-postgres-") as folder:
        server = PostgresServer(Path(folder), settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()
