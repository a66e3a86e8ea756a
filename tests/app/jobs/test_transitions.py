"""The job's states, its fence and its retry rule, on a real database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.clock import now
from app.core.database import Database
from app.core.errors import ConflictError
from app.jobs import repository, transitions
from app.jobs.states import MAX_ATTEMPTS
from app.jobs.tables import JobRow
from app.jobs.transitions import FenceLostError, News, worker_problem
from tests.app.jobs.rows import attempt_states, claim, end, job, queue


class TestDeadline:
    PAST = datetime(2020, 1, 1, tzinfo=UTC)

    def test_a_queued_job_fails_with_its_reason(self, database: Database) -> None:
        queue(database, "a", deadline=self.PAST)
        queue(database, "b", deadline=now() + timedelta(days=1))
        queue(database, "c")
        with database.write() as session:
            transitions.expire_queued(session, now())
        late = job(database, "a")
        assert late.state == "failed"
        assert late.error is not None
        assert late.error["type"] == "/problems/deadline-passed"
        assert claim(database) == ("b", 1)
        assert claim(database) == ("c", 1)

    def test_a_stopped_attempt_is_not_repeated(self, database: Database) -> None:
        queue(database, "a", deadline=self.PAST)
        claim(database)
        assert end(database, ("a", 1), "overdue") == "failed"
        assert job(database).crashes == 0
        assert attempt_states(database) == ["failed"]


class TestEvents:
    def test_every_change_of_state_is_told(self, database: Database) -> None:
        queue(database, "a")
        claim(database)
        end(database, ("a", 1))
        claim(database)
        with database.write() as session:
            transitions.succeed(session, "a", 2, now())
        with database.read() as session:
            events = repository.events(session, "a", after=0, limit=100)
        told = [(event.attempt, event.data["state"]) for event in events]
        assert told == [(1, "running"), (1, "queued"), (2, "running"), (2, "succeeded")]

    def test_a_zombie_tells_nothing(self, database: Database) -> None:
        queue(database, "a")
        claim(database)
        end(database, ("a", 1))
        with database.read() as session:
            before = len(repository.events(session, "a", after=0, limit=100))
        news: list[News] = [(now(), "phase", {"phase": "audit"})]
        with pytest.raises(FenceLostError), database.write() as session:
            transitions.report(session, "a", 1, now(), news)
        with database.read() as session:
            assert len(repository.events(session, "a", after=0, limit=100)) == before


class TestRetryRule:
    def test_one_crash_is_retried_and_the_second_fails(self, database: Database) -> None:
        queue(database, "a")
        assert claim(database) == ("a", 1)
        assert end(database, ("a", 1)) == "queued"
        assert claim(database) == ("a", 2)
        assert end(database, ("a", 2)) == "failed"
        assert claim(database) is None
        failed = job(database)
        assert failed.error is not None
        assert failed.error["detail"] == "it died"
        assert attempt_states(database) == ["lost", "lost"]

    def test_interruptions_cost_no_retry(self, database: Database) -> None:
        queue(database, "a")
        for number in (1, 2, 3):
            assert claim(database) == ("a", number)
            assert end(database, ("a", number), "interrupted") == "queued"
        assert job(database).crashes == 0

    def test_endless_interruptions_end(self, database: Database) -> None:
        queue(database, "a")
        states = []
        while (attempt := claim(database)) is not None:
            states.append(end(database, attempt, "interrupted"))
        assert states == ["queued"] * (MAX_ATTEMPTS - 1) + ["failed"]

    def test_the_workers_own_reason_is_kept(self, database: Database) -> None:
        queue(database, "a")
        for number in (1, 2):
            claim(database)
            with database.write() as session:
                transitions.confess(session, "a", number, worker_problem("disk full"))
            end(database, ("a", number))
        failed = job(database)
        assert failed.error is not None
        assert failed.error["detail"] == "disk full"
        assert attempt_states(database) == ["failed", "failed"]

    def test_settling_twice_changes_nothing(self, database: Database) -> None:
        queue(database, "a")
        claim(database)
        end(database, ("a", 1))
        assert end(database, ("a", 1)) == "queued"
        assert job(database).crashes == 1


class TestFence:
    @pytest.fixture
    def zombie(self, database: Database) -> tuple[str, int]:
        """An attempt whose job was handed on to another."""
        queue(database, "a")
        claim(database)
        end(database, ("a", 1))
        claim(database)
        return ("a", 1)

    @pytest.mark.parametrize(
        "write",
        [
            lambda s, j, n: transitions.begin(s, j, n, now()),
            lambda s, j, n: transitions.report(s, j, n, now(), progress=0.9),
            lambda s, j, n: transitions.succeed(s, j, n, now()),
            lambda s, j, n: transitions.reject(s, j, n, worker_problem("no"), now()),
        ],
        ids=["begin", "report", "succeed", "reject"],
    )
    def test_a_zombie_writes_nothing(
        self, database: Database, zombie: tuple[str, int], write: Any
    ) -> None:
        before = {c.name: getattr(job(database), c.name) for c in JobRow.__table__.columns}
        with pytest.raises(FenceLostError), database.write() as session:
            write(session, *zombie)
        after = {c.name: getattr(job(database), c.name) for c in JobRow.__table__.columns}
        assert after == before

    def test_a_cancelled_job_cannot_succeed(self, database: Database) -> None:
        queue(database, "a")
        claim(database)
        with database.write() as session:
            transitions.request_cancel(session, "a", now())
        with pytest.raises(FenceLostError), database.write() as session:
            transitions.succeed(session, "a", 1, now())
        assert end(database, ("a", 1)) == "cancelled"
        assert attempt_states(database) == ["cancelled"]


class TestCancel:
    def test_ended_jobs_conflict(self, database: Database) -> None:
        queue(database, "a")
        claim(database)
        with database.write() as session:
            transitions.succeed(session, "a", 1, now())
        with pytest.raises(ConflictError), database.write() as session:
            transitions.request_cancel(session, "a", now())
        assert end(database, ("a", 1)) == "succeeded"

    def test_again_is_no_error(self, database: Database) -> None:
        queue(database, "a")
        for _ in range(2):
            with database.write() as session:
                transitions.request_cancel(session, "a", now())
        assert job(database).state == "cancelled"


def test_a_job_that_was_deleted_before_its_worker_was_gone_stands_in_nobodys_way(
    database: Database,
) -> None:
    queue(database, "job")
    assert claim(database) == ("job", 1)
    with database.write() as session:
        job = repository.get(session, "job")
        job.state = "succeeded"
        repository.remove(session, job, now())
    with database.write() as session:
        assert transitions.end_attempt(session, "job", 1, "lost", "gone", now()) == "succeeded"
