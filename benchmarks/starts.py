"""How many workers one supervisor can start a second.

    python -m benchmarks.starts [--engine none local ray]

The product's own supervisor works on a queue in a private PostgreSQL (Debian's package
`postgresql`) that writes as safely as in use. No job comes to a result, so each is started twice,
as one whose worker dies. With the engine `none` a worker is a process that ends at once: that is
what the supervisor itself can do when its workers run elsewhere. With `local` it is the worker of
the product, on this machine, which ends where it misses its table; with `ray` the same on a cluster
of this machine, which Ray takes to start each.
"""

import argparse
import os
import platform
import resource
import tempfile
import time
from contextlib import ExitStack
from typing import Any

from sqlalchemy import func, select

from app.core import migrations
from app.core.database import Database
from app.core.logs import configure_logs
from app.core.schema import open_database
from app.engine.base import Ended, Engine, Needs, Room
from app.engine.choice import chosen_engine
from app.engine.processes import Processes
from app.engine.supervisor import Supervisor
from app.jobs.states import TERMINAL
from app.jobs.tables import AttemptRow, JobRow
from app.settings import Settings
from benchmarks.ending import end_when_told
from benchmarks.queue import SAFE, cpu_seconds, fill
from tests.postgres import running
from tests.ray_head import running_ray

ENGINES = ("none", "local", "ray")
_TENANTS = 10
_LOOK_S = 0.5


class Brief:
    """See `app.engine.base.Engine`: workers are processes that end at once."""

    outlives_supervisor = False

    def __init__(self, settings: Settings, slots: int) -> None:
        self._processes = Processes()
        self._log = settings.storage.log("brief")
        self._slots = slots
        self._running: set[str] = set()

    def tend(self) -> None:
        pass

    def room(self, needs: Needs) -> Room:
        return "now" if len(self._running) < self._slots else "later"

    def start(self, job_id: str, attempt: int, needs: Needs) -> str:
        handle = self._processes.start(["/bin/false"], {}, self._log)
        self._running.add(handle)
        return handle

    def ended(self, handle: str) -> Ended | None:
        ended = self._processes.ended(handle)
        if ended is not None:
            self._running.discard(handle)
        return ended

    def stop(self, handle: str, grace: float) -> None:
        self._processes.stop(handle, grace)

    def adopt(self, handle: str, needs: Needs) -> bool:
        return False

    def discard(self, handle: str) -> None:
        self._processes.discard(handle)


class Clocked:
    """An engine, and the seconds that the supervisor waited for it to start workers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def start(self, job_id: str, attempt: int, needs: Needs) -> str:
        began = time.monotonic()
        try:
            return self._engine.start(job_id, attempt, needs)
        finally:
            self.seconds += time.monotonic() - began


def measure(kind: str, jobs: int, slots: int) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        server = stack.enter_context(running(SAFE))
        given: dict[str, Any] = {"data_dir": folder, "database_url": server.create_database()}
        if kind == "ray":
            head = stack.enter_context(running_ray(slots))
            given |= {"engine": "ray", "ray_address": head.address}
            given |= {"ray_token_file": head.token_file}
        settings = Settings(**given, max_concurrent_jobs=slots, cancel_grace_seconds=0)
        settings.storage.prepare()
        database = open_database(settings.resolved_database_url)
        stack.callback(database.close)
        migrations.upgrade(database.engine)
        fill(database, jobs, _TENANTS)
        engine = Clocked(Brief(settings, slots) if kind == "none" else chosen_engine(settings))
        supervisor = Supervisor(settings, database, engine)
        serving, own, workers = cpu_seconds(server.pid), time.process_time(), children_seconds()
        supervisor.start()
        stack.callback(supervisor.stop)
        while not all_ended(database):
            time.sleep(_LOOK_S)
        serving = cpu_seconds(server.pid) - serving
        own, workers = time.process_time() - own, children_seconds() - workers
        starts, seconds = started(database)
    figures = (
        f"{starts}",
        f"{slots}",
        f"{(starts - 1) / seconds:.2f}",
        f"{1000 * engine.seconds / starts:.1f}",
        # Of a supervisor that waits for workers to end, most of it is waiting.
        f"{1000 * own / starts:.1f}" if kind == "none" else "",
        f"{1000 * serving / starts:.1f}" if kind == "none" else "",
        # Ray's own processes start the workers on it.
        f"{1000 * workers / starts:.0f}" if kind == "local" else "",
        f"{os.getloadavg()[0]:.1f}",
    )
    print(f"| {kind} | {' | '.join(figures)} |", flush=True)


def all_ended(database: Database) -> bool:
    with database.read() as session:
        left = select(func.count()).select_from(JobRow).where(JobRow.state.not_in(TERMINAL))
        return session.scalar(left) == 0


def started(database: Database) -> tuple[int, float]:
    """How many attempts, and the seconds between the first and the last."""
    at = AttemptRow.started_at
    with database.read() as session:
        count, first, last = session.execute(select(func.count(), func.min(at), func.max(at))).one()
    return count, (last - first).total_seconds()


def children_seconds() -> float:
    """Processor time of all that this process started and that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--jobs", type=int, help="in the queue; by default 400, of real workers 5")
    parser.add_argument("--slots", type=int, help="at work at a time; by default 400, or the cores")
    given = parser.parse_args()
    end_when_told()
    configure_logs("error")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    columns = (
        *("engine", "started", "at a time", "a second", "ms in the engine"),
        *("supervisor's ms of a core", "PostgreSQL's", "a worker's", "load average"),
    )
    print(f"| {' | '.join(columns)} |\n{'| --- ' * len(columns)}|")
    for kind in given.engine:
        jobs, slots = (400, 400) if kind == "none" else (5, os.cpu_count() or 1)
        measure(kind, given.jobs or jobs, given.slots or slots)


if __name__ == "__main__":
    main()
