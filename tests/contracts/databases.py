"""What the service asks of every database, whichever it is.

A subclass gives the fixture `url`, the address of an empty database.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, select

from app.accounts import repository as accounts
from app.accounts.tables import TenantRow
from app.core import migrations
from app.core.clock import now
from app.core.database import Database
from app.core.errors import ConflictError
from app.core.schema import open_database
from app.datasets.tables import DatasetRow
from app.engine.lease import Lease, is_supervised
from app.jobs import repository, transitions
from app.jobs.states import TERMINAL
from app.jobs.tables import AttemptRow, JobEventRow, JobRow, TrialRow
from app.jobs.transitions import FenceLostError
from app.models import repository as models
from app.models.tables import ModelRow

AT_ONCE = 4


def at_once(work: Callable[[int], Any], times: int = AT_ONCE) -> list[Any]:
    """What `work` returns for 0, 1, ..., each on a thread, all begun together."""
    begin = threading.Barrier(times)

    def run(number: int) -> Any:
        begin.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


_HOLDER = """
import sys
import time
from app.core.schema import open_database
from app.engine.lease import Lease
database = open_database(sys.argv[1])
lease = Lease(database, 600)
while not lease.hold():
    time.sleep(0.05)
print("held", flush=True)
sys.stdin.read()
lease.release()
database.close()
"""


@contextmanager
def supervising_elsewhere(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the supervisor's role, and gives it back at the block's end."""
    command = [sys.executable, "-c", _HOLDER, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder


def within(seconds: float, probe: Callable[[], object]) -> bool:
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def queue(database: Database, *job_ids: str, tenant: str = "default", **more: object) -> None:
    with database.write() as session:
        for job_id in job_ids:
            values: dict[str, object] = {
                "tenant_id": tenant,
                "id": job_id,
                "dataset_id": "ds",
                "config": {"preset": "fast"},
                "audit": {},
                "state": "queued",
                "progress": 0.0,
                "message": "",
                "attempt": 0,
                "crashes": 0,
                "created_at": now(),
            }
            transitions.submit(session, JobRow(**(values | more)))


def claim(database: Database) -> tuple[str, int] | None:
    with database.write() as session:
        return transitions.claim_next(session, now())


def state_of(database: Database, job_id: str) -> str | None:
    with database.read() as session:
        return repository.state(session, job_id)


class DatabaseContract:
    @pytest.fixture
    def database(self, url: str) -> Iterator[Database]:
        opened = open_database(url)
        migrations.upgrade(opened.engine)
        with opened.write() as session:
            session.add(TenantRow(id="other", name="other", created_at=now()))
            session.add(
                DatasetRow(
                    tenant_id="default",
                    id="ds",
                    created_at=now(),
                    media_type="text/csv",
                    size_bytes=2**40,
                    sha256="0",
                    rows=1,
                    inspection={"columns": ["größe", None, 1.5]},
                )
            )
        yield opened
        opened.close()

    def test_processes_that_migrate_together_wait_for_each_other(self, url: str) -> None:
        def upgrade(_: int) -> None:
            opened = open_database(url)
            migrations.upgrade(opened.engine)
            opened.close()

        at_once(upgrade)
        opened = open_database(url)
        with opened.look() as connection:
            assert migrations.at_head(connection)
        opened.close()

    def test_rows_come_back_as_they_were(self, database: Database) -> None:
        with database.read() as session:
            row = session.scalars(select(DatasetRow)).one()
        assert row.inspection == {"columns": ["größe", None, 1.5]}
        assert row.size_bytes == 2**40
        assert row.created_at.tzinfo is not None

    def test_a_session_that_reads_sees_one_state(self, database: Database) -> None:
        queue(database, "a")
        with database.read() as session:
            assert repository.count_queued(session) == 1
            queue(database, "b")
            assert repository.count_queued(session) == 1

    def test_an_error_leaves_nothing(self, database: Database) -> None:
        def fail() -> None:
            with database.write() as session:
                session.add(TenantRow(id="third", name="third", created_at=now()))
                session.flush()
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        with database.read() as session:
            assert session.get(TenantRow, "third") is None

    def test_no_job_is_claimed_twice_and_none_is_left(self, database: Database) -> None:
        names = [f"job_{number:03}" for number in range(60)]
        queue(database, *names)

        def claim_all(_: int) -> list[str]:
            found = []
            while (claimed := claim(database)) is not None:
                assert claimed[1] == 1
                found.append(claimed[0])
            return found

        taken = at_once(claim_all)
        assert sorted(name for share in taken for name in share) == names

    def test_a_job_that_another_just_claims_is_passed_over(self, database: Database) -> None:
        queue(database, "a", "b", priority=1)
        first = claim(database)
        assert first == ("a", 1)
        assert claim(database) == ("b", 1)
        assert claim(database) is None

    def test_a_cancelled_job_never_succeeds_and_the_other_way_round(
        self, database: Database
    ) -> None:
        for number in range(8):
            job_id = f"job_{number}"
            queue(database, job_id)
            assert claim(database) == (job_id, 1)

            def race(who: int, job_id: str = job_id) -> str:
                try:
                    with database.write() as session:
                        if who == 0:
                            transitions.succeed(session, job_id, 1, now())
                        else:
                            transitions.request_cancel(session, job_id, now())
                except (FenceLostError, ConflictError):
                    return "lost"
                return "won"

            outcomes = at_once(race, 2)
            assert sorted(outcomes) == ["lost", "won"]
            state = "succeeded" if outcomes[0] == "won" else "cancelling"
            assert state_of(database, job_id) == state
            with database.write() as session:
                transitions.end_attempt(session, job_id, 1, "lost", "gone", now())
            assert state_of(database, job_id) in TERMINAL

    def test_a_zombie_writes_nothing(self, database: Database) -> None:
        queue(database, "a")
        claim(database)
        with database.write() as session:
            transitions.end_attempt(session, "a", 1, "lost", "gone", now())
        assert claim(database) == ("a", 2)
        for write in (
            lambda session: transitions.begin(session, "a", 1, now()),
            lambda session: transitions.report(session, "a", 1, now(), progress=0.5),
            lambda session: transitions.succeed(session, "a", 1, now()),
        ):
            with pytest.raises(FenceLostError), database.write() as session:
                write(session)
        with database.read() as session:
            job = repository.get(session, "a")
        assert (job.state, job.attempt, job.progress) == ("running", 2, 0.0)

    def test_a_crash_is_retried_once(self, database: Database) -> None:
        queue(database, "a")
        states = []
        for number in (1, 2):
            assert claim(database) == ("a", number)
            with database.write() as session:
                ended = transitions.end_attempt(session, "a", number, "lost", "gone", now())
            states.append(ended)
        assert states == ["queued", "failed"]
        assert claim(database) is None

    def test_who_follows_events_misses_none(self, database: Database) -> None:
        """Numbers are given before rows can be seen; a later one must not be seen before."""
        queue(database, "a")
        claim(database)
        seen: list[int] = []
        done = threading.Event()

        def follow() -> None:
            while True:
                ended = done.is_set()
                with database.read() as session:
                    after = seen[-1] if seen else 0
                    events = repository.events(session, "a", after=after, limit=100)
                seen.extend(event.id for event in events)
                if ended and not events:
                    return

        def tell(_: int) -> None:
            for _ in range(10):
                with database.write() as session:
                    news = [(now(), "progress", {"progress": 0.1})] * 2
                    transitions.report(session, "a", 1, now(), news)  # type: ignore[arg-type]

        with ThreadPoolExecutor(1) as pool:
            follower = pool.submit(follow)
            at_once(tell)
            done.set()
            follower.result()
        with database.read() as session:
            query = select(JobEventRow.id).where(JobEventRow.job_id == "a")
            assert seen == list(session.scalars(query.order_by(JobEventRow.id)))

    def test_models_of_one_name_get_different_versions(self, database: Database) -> None:
        names = [f"job_{number}" for number in range(AT_ONCE)]
        queue(database, *names)

        def finish(number: int) -> None:
            job_id = names[number]
            with database.write() as session:
                accounts.hold_tenant(session, "default")
                models.add(
                    session,
                    ModelRow(
                        id=f"model_{number}",
                        tenant_id="default",
                        name="load",
                        version=models.next_version(session, "default", "load"),
                        job_id=job_id,
                        attempt=1,
                        created_at=now(),
                        config={},
                        summary={},
                        size_bytes=1,
                    ),
                )

        at_once(finish)
        with database.read() as session:
            versions = session.scalars(select(ModelRow.version)).all()
        assert sorted(versions) == list(range(1, AT_ONCE + 1))

    def test_one_supervises_and_the_next_takes_over(self, url: str, database: Database) -> None:
        lease = Lease(database, 600)
        with supervising_elsewhere(url):
            assert not lease.hold()
            with database.read() as session:
                assert is_supervised(session)
        assert lease.hold()  # it was released
        assert lease.hold(surely=True)
        lease.release()

    def test_the_role_of_a_process_that_was_killed_is_free(
        self, url: str, database: Database
    ) -> None:
        lease = Lease(database, 600)
        with supervising_elsewhere(url) as holder:
            assert not lease.hold()
            holder.kill()
            holder.wait()
            assert within(10, lease.hold)
        lease.release()

    def test_a_tenant_sees_its_own_rows(self, database: Database) -> None:
        queue(database, "a")
        queue(database, "b", tenant="other")
        with database.read("other") as session:
            assert [row.id for row in session.scalars(select(JobRow))] == ["b"]

    def test_referring_to_what_is_not_there_is_refused(self, database: Database) -> None:
        queue(database, "a")
        claim(database)
        with pytest.raises(Exception, match=r"(?i)foreign key"), database.write() as session:
            session.add(
                TrialRow(
                    job_id="a",
                    attempt=9,
                    finished_at=now(),
                    phase="search",
                    name="trial",
                    params={},
                    seconds=1.0,
                    energy_wh=1.0,
                )
            )
        with database.read() as session:
            assert session.scalar(select(func.count()).select_from(TrialRow)) == 0
            assert session.scalar(select(func.count()).select_from(AttemptRow)) == 1
