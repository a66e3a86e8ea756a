"""`autopq doctor`: whether this machine and these settings let the service run, and how to mend
what does not. Nothing is changed but a file that is written and removed again."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import httpx
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy.exc import SQLAlchemyError

from app.accounts import repository as accounts
from app.accounts.exposure import is_loopback
from app.core import migrations
from app.core.file_systems import file_system_of, is_network, sqlite_file
from app.core.schema import open_database
from app.engine.base import EngineUnavailableError
from app.engine.ray_api import RayApi, RayToken
from app.settings import OTHER_VARIABLES, PREFIX, Settings

Level = Literal["ok", "warning", "problem"]

_MIN_FREE_BYTES = 5 * 2**30
_TORCH_SECONDS = 120
_TORCH = """
import json, torch
found = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
print(json.dumps({"version": torch.__version__, "devices": found}))
"""
_RAPL = Path("/sys/class/powercap")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one check found. `mend` says what to do about it."""

    check: str
    level: Level
    detail: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def examine(settings: Settings, environment: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Every check's diagnosis, one after the other; the last one takes seconds."""
    yield variables(environment)
    yield data_folder(settings)
    yield disk_space(settings)
    yield file_system(settings)
    yield from database(settings)
    yield port(settings)
    if settings.engine == "ray":
        yield ray_cluster(settings)
    yield energy_counters()
    yield torch_and_gpu()


def variables(environment: Mapping[str, str]) -> Diagnosis:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | OTHER_VARIABLES
    unknown = sorted(
        name for name in environment if name.startswith(PREFIX) and name.upper() not in known
    )
    if unknown:
        return Diagnosis(
            "settings",
            "warning",
            f"{', '.join(unknown)}: no setting has this name, so it does nothing.",
            "Correct its spelling; `autopq config` lists all names.",
        )
    return Diagnosis("settings", "ok", "every AUTOPQ_ variable is a setting.")


def data_folder(settings: Settings) -> Diagnosis:
    root = settings.storage.root
    there = root
    while not there.exists():
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"autopq")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Diagnosis(
            "data folder",
            "problem",
            f"{there} cannot be written: {error.strerror}.",
            "Give the user that runs the service the right to, or set AUTOPQ_DATA_DIR.",
        )
    if there != root:
        return Diagnosis("data folder", "ok", f"{root} will be made.")
    if root.stat().st_mode & 0o007:
        return Diagnosis(
            "data folder",
            "warning",
            f"every user of this machine can look into {root}.",
            f"chmod 700 {root}",
        )
    return Diagnosis("data folder", "ok", f"{root} can be written.")


def disk_space(settings: Settings) -> Diagnosis:
    there = settings.storage.root
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    text = f"{free / 2**30:.1f} GiB are free."
    if free < _MIN_FREE_BYTES:
        return Diagnosis("disk space", "warning", text, "Free some, or choose another disk.")
    return Diagnosis("disk space", "ok", text)


def file_system(settings: Settings) -> Diagnosis:
    path = sqlite_file(settings.resolved_database_url)
    if path is None:
        return Diagnosis("file system", "ok", "the database is no file.")
    kind = file_system_of(path)
    if is_network(kind):
        return Diagnosis(
            "file system",
            "problem",
            f"{path} is on a network file system ({kind}), where SQLite's locks do not work.",
            "Choose a folder on a local disk with AUTOPQ_DATA_DIR.",
        )
    return Diagnosis("file system", "ok", f"{kind or 'unknown'}, no network file system.")


def database(settings: Settings) -> Iterator[Diagnosis]:
    path = sqlite_file(settings.resolved_database_url)
    local = is_loopback(settings.host)
    if path is not None and not path.exists():
        yield Diagnosis("database", "ok", f"{path} will be made.")
        yield _exposure(settings.host, local=local, has_key=False)
        return
    try:
        with (
            closing(open_database(settings.resolved_database_url)) as opened,
            opened.look() as connection,
        ):
            options = {"version_table": migrations.VERSION_TABLE}
            context = MigrationContext.configure(connection, opts=options)
            diagnosis, has_tables = _revision(context.get_current_revision())
            has_key = has_tables and accounts.any_key(connection)
    except SQLAlchemyError as error:
        first = str(getattr(error, "orig", error)).splitlines()[0]
        yield Diagnosis(
            "database",
            "problem",
            f"does not answer: {first}.",
            "Check AUTOPQ_DATABASE_URL, and that the file or server is whole.",
        )
        return
    yield diagnosis
    yield _exposure(settings.host, local=local, has_key=has_key)


def _revision(current: str | None) -> tuple[Diagnosis, bool]:
    """Where the schema is, and whether it has a table of keys."""
    scripts = ScriptDirectory.from_config(migrations.configuration())
    head = scripts.get_current_head()
    if current is None:
        return Diagnosis("database", "ok", "empty; it will be filled at the next start."), False
    try:
        missing = [script.revision for script in scripts.iterate_revisions(head, current)]
    except RevisionError:
        return (
            Diagnosis(
                "database",
                "problem",
                f"it is at revision {current}, which this version does not know.",
                "A newer version wrote it: use that one.",
            ),
            False,
        )
    if missing:
        text = f"at revision {current}; the next start brings it to {head}."
        return Diagnosis("database", "warning", text, "Keep a copy before."), "0002" not in missing
    return Diagnosis("database", "ok", f"at the newest revision, {head}."), True


def _exposure(host: str, *, local: bool, has_key: bool) -> Diagnosis:
    if has_key:
        return Diagnosis("keys", "ok", "requests need a key.")
    if local:
        return Diagnosis(
            "keys", "ok", f"none; on {host} every user of this machine may use the service."
        )
    return Diagnosis(
        "keys",
        "problem",
        f"none, and {host} may be reached from elsewhere: the service would refuse to start.",
        "autopq keys create NAME",
    )


def port(settings: Settings) -> Diagnosis:
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if _answers(settings):
            return Diagnosis("port", "ok", f"the service runs on {where}.")
        return Diagnosis(
            "port",
            "problem",
            f"{where} cannot be listened on: {error.strerror or error}.",
            "Stop what listens there, or set AUTOPQ_PORT.",
        )
    return Diagnosis("port", "ok", f"{where} is free.")


def _answers(settings: Settings) -> bool:
    host = settings.host if is_loopback(settings.host) else "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host
    try:
        with httpx.Client(trust_env=False, timeout=5) as http:
            document = http.get(f"http://{shown}:{settings.port}/openapi.json").json()
        return bool(document["info"]["title"] == "AutoPQ Service")
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False


def energy_counters(rapl: Path = _RAPL) -> Diagnosis:
    counters = sorted(rapl.glob("*/energy_uj"))
    readable = [path for path in counters if os.access(path, os.R_OK)]
    gpus = _gpus()
    text = f"CPU: {len(readable)} of {len(counters)} RAPL counters readable. GPUs: {gpus}."
    if counters and not readable:
        return Diagnosis(
            "energy",
            "warning",
            text + " CPU electricity will be estimated.",
            f"Let the service's user read {rapl}/*/energy_uj.",
        )
    if not readable:
        text += " CPU electricity will be estimated."
    return Diagnosis("energy", "ok", text)


def ray_cluster(settings: Settings) -> Diagnosis:
    token = RayToken(settings.ray_token_file, os.environ.get("RAY_AUTH_TOKEN"))
    api = RayApi(settings.ray_address, token)
    try:
        api.jobs()
        nodes = api.nodes()
    except EngineUnavailableError as error:
        return Diagnosis(
            "Ray cluster",
            "problem",
            f"{settings.ray_address}: {error}.",
            "Start its head; correct AUTOPQ_RAY_ADDRESS or the token.",
        )
    finally:
        api.close()
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    text = f"{len(nodes)} nodes with {cpus:g} processors and {gpus:g} GPUs."
    if cpus < settings.cpus_per_job or gpus < (settings.gpus_per_job or 0):
        return Diagnosis("Ray cluster", "warning", text, "Add nodes, or let jobs ask for less.")
    return Diagnosis("Ray cluster", "ok", text)


def _gpus() -> int:
    """As NVIDIA's own tool counts them; 0 where it is not installed."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    try:
        listed = subprocess.run(  # noqa: S603 - found on the path, no user input
            [tool, "-L"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def torch_and_gpu(count_gpus: Callable[[], int] = _gpus) -> Diagnosis:
    """In a process of its own: torch takes seconds and hundreds of megabytes."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", _TORCH],
            capture_output=True,
            text=True,
            timeout=_TORCH_SECONDS,
            check=True,
        )
        found = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        told = getattr(error, "stderr", None) or str(error)
        last = told.strip().splitlines()[-1] if told.strip() else type(error).__name__
        return Diagnosis(
            "torch", "problem", f"cannot be loaded: {last}.", "Install it again: see README.md."
        )
    if not found["devices"] and count_gpus():
        return Diagnosis(
            "torch",
            "warning",
            f"{found['version']} sees none of the GPUs of this machine.",
            "Install the build for the machine's CUDA version.",
        )
    devices = ", ".join(found["devices"]) or "no GPU"
    return Diagnosis("torch", "ok", f"{found['version']}, {devices}.")
