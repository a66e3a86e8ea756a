"""How fast queued jobs are claimed on PostgreSQL, and that none is claimed twice.

`python -m benchmarks.queue` starts a private server (Debian's package `postgresql`) that writes
as safely as in use, queues jobs of some tenants, and lets processes claim them all, each claim in
a transaction of its own as the supervisor does it. Claimed jobs stay "running" unless `--end`
says that each is ended at once, which keeps as few at work as a service would.
"""

import argparse
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import psutil
from sqlalchemy import func, insert, select

from app.accounts.tables import TenantRow
from app.core import migrations
from app.core.clock import now
from app.core.database import Database
from app.core.schema import open_database
from app.datasets.tables import DatasetRow
from app.jobs import transitions
from app.jobs.tables import AttemptRow, JobRow
from benchmarks.ending import end_when_told
from tests.postgres import running

_CONFIG = {"target": "load", "horizon": 24, "preset": "advanced"}
SAFE: dict[str, str] = {}  # PostgreSQL's own settings: a commit is on the disk


def fill(database: Database, jobs: int, tenants: int) -> None:
    names = [f"tenant_{number}" for number in range(tenants)]
    with database.write() as session:
        session.add_all(TenantRow(id=name, name=name, created_at=now()) for name in names)
        session.flush()
        session.execute(
            insert(DatasetRow),
            [
                {
                    "id": "ds",
                    "tenant_id": names[0],
                    "created_at": now(),
                    "media_type": "text/csv",
                    "size_bytes": 1,
                    "sha256": "0",
                    "rows": 1,
                    "version": 1,
                    "inspection": {},
                }
            ],
        )
        session.execute(
            insert(JobRow),
            [
                {
                    "id": f"job_{number:012}",
                    "tenant_id": names[number % tenants],
                    "dataset_id": "ds",
                    "dataset_version": 1,
                    "config": _CONFIG,
                    "audit": {},
                    "state": "queued",
                    "progress": 0.0,
                    "message": "",
                    "attempt": 0,
                    "crashes": 0,
                    "created_at": now(),
                    "trials": 0,
                    "account": names[number % tenants],
                    "priority": 0,
                }
                for number in range(jobs)
            ],
        )


@dataclass(frozen=True)
class Share:
    """Ids of what one process claimed, and the processor time it took."""

    claimed: list[str]
    cpu_seconds: float


def claim(url: str, begin_at: float, most: int, end: bool) -> Share:
    database = open_database(url)
    with database.look():
        pass
    time.sleep(max(begin_at - time.time(), 0))
    began = time.process_time()
    claimed = []
    misses = 0
    while len(claimed) < most and misses < 3:  # another may just hold the last ones
        with database.write() as session:
            found = transitions.claim_next(session, now())
            if found is not None and end:
                transitions.succeed(session, *found, now())
        if found is None:
            misses += 1
            time.sleep(0.01)
        else:
            claimed.append(found[0])
    spent = time.process_time() - began
    database.close()
    return Share(claimed, spent)


def cpu_seconds(pid: int) -> float:
    """Of a server and all its processes, also those that have ended."""
    server = psutil.Process(pid)
    times = server.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in server.children():
        with suppress(psutil.Error):
            spent = child.cpu_times()
            total += spent.user + spent.system
    return float(total)


def measure(jobs: int, tenants: int, claimers: int, claims: int, *, end: bool) -> None:
    with running(SAFE) as server:
        url = server.create_database()
        database = open_database(url)
        migrations.upgrade(database.engine)
        fill(database, jobs, tenants)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(claimers, mp_context=context) as pool:
            list(pool.map(time.sleep, [0.5] * claimers))  # the processes are there
            before = cpu_seconds(server.pid)
            begin_at = time.time() + 3.0
            most = -(-claims // claimers) if claims < jobs else jobs
            futures = [pool.submit(claim, url, begin_at, most, end) for _ in range(claimers)]
            shares = [future.result() for future in futures]
            seconds = time.time() - begin_at
            serving = cpu_seconds(server.pid) - before
        claimed = [job_id for share in shares for job_id in share.claimed]
        check(database, claimed, jobs if claims >= jobs else None)
        database.close()
    kept = "ended at once" if end else "left at work"
    done = len(claimed)
    claiming = sum(share.cpu_seconds for share in shares)
    print(
        f"{done} of {jobs} jobs of {tenants} tenants, {claimers} claimers, {kept}: "
        f"{seconds:.1f} s, {done / seconds:.0f} claims/s, none twice; processor time a claim "
        f"{1000 * claiming / done:.2f} ms + {1000 * serving / done:.2f} ms in PostgreSQL; "
        f"load average {os.getloadavg()[0]:.1f}"
    )


def check(database: Database, claimed: Sequence[str], jobs: int | None) -> None:
    """None twice; and all of them, if `jobs` says how many there were."""
    twice = [job_id for job_id, times in Counter(claimed).items() if times > 1]
    assert not twice, f"claimed twice: {twice[:10]}"
    assert jobs in (None, len(claimed)), f"of {jobs} jobs {len(claimed)} were claimed"
    with database.read() as session:
        attempts = session.scalar(select(func.count()).select_from(AttemptRow))
    assert attempts == len(claimed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--tenants", type=int, default=10)
    parser.add_argument("--claimers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--claims", type=int, help="stop after about so many; by default all")
    parser.add_argument("--end", action="store_true", help="end each job as it is claimed")
    given = parser.parse_args()
    end_when_told()
    for claimers in given.claimers:
        measure(given.jobs, given.tenants, claimers, given.claims or given.jobs, end=given.end)


if __name__ == "__main__":
    main()
