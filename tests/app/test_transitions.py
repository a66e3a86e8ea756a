"""The job's states, its fence and its retry rule, on a real database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core import migrations
from app.core.clock import now
from app.core.database import Database
from app.core.errors import ConflictError
from app.core.schema import open_database
from app.datasets.tables import DatasetRow
from app.forecasts import repository as forecast_rows
from app.forecasts import transitions as forecasts
from app.forecasts.tables import ForecastRow
from app.jobs import repository, transitions
from app.jobs.states import MAX_ATTEMPTS
from app.jobs.tables import JobRow
from app.jobs.transitions import Ending, FenceLostError, worker_problem
from app.models.tables import ModelRow


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'jobs.sqlite3'}")
    migrations.upgrade(opened.engine)
    with opened.write() as session:
        session.add(
            DatasetRow(
                tenant_id="default",
                id="ds",
                created_at=now(),
                media_type="text/csv",
                size_bytes=1,
                sha256="0",
                rows=1,
                inspection={},
            )
        )
    yield opened
    opened.close()


def queue(database: Database, *job_ids: str) -> None:
    with database.write() as session:
        for job_id in job_ids:
            row = JobRow(
                tenant_id="default",
                id=job_id,
                dataset_id="ds",
                config={},
                audit={},
                state="queued",
                progress=0.0,
                message="",
                attempt=0,
                crashes=0,
                created_at=now(),
            )
            repository.add(session, row)


def claim(database: Database) -> tuple[str, int] | None:
    with database.write() as session:
        return transitions.claim_next(session, now())


def end(database: Database, attempt: tuple[str, int], ending: Ending = "lost") -> str:
    with database.write() as session:
        return transitions.end_attempt(session, *attempt, ending, "it died", now())


def job(database: Database, job_id: str = "a") -> JobRow:
    with database.read() as session:
        return repository.get(session, job_id)


def attempt_states(database: Database, job_id: str = "a") -> list[str]:
    states = []
    with database.read() as session:
        for number in range(1, job(database, job_id).attempt + 1):
            row = repository.attempt(session, job_id, number)
            assert row is not None
            states.append(row.state)
    return states


class TestClaim:
    def test_oldest_first_and_each_once(self, database: Database) -> None:
        queue(database, "b", "a")
        assert [claim(database), claim(database), claim(database)] == [("a", 1), ("b", 1), None]

    def test_cancelled_jobs_are_not_claimed(self, database: Database) -> None:
        queue(database, "a")
        with database.write() as session:
            transitions.request_cancel(session, "a", now())
        assert claim(database) is None


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


class TestForecasts:
    @pytest.fixture
    def waiting(self, database: Database) -> Database:
        """A database with one queued forecast."""
        queue(database, "a")
        with database.write() as session:
            session.add(
                ModelRow(
                    tenant_id="default",
                    id="m",
                    job_id="a",
                    attempt=1,
                    created_at=now(),
                    config={},
                    summary={},
                    size_bytes=0,
                )
            )
        with database.write() as session:
            session.add(
                ForecastRow(
                    tenant_id="default",
                    id="f",
                    model_id="m",
                    paths=1,
                    state="queued",
                    attempt=0,
                    crashes=0,
                    created_at=now(),
                )
            )
        return database

    @staticmethod
    def claim_and_die(database: Database, *, crashed: bool) -> str:
        with database.write() as session:
            claimed = forecasts.claim_next(session, now())
        assert claimed is not None
        with database.write() as session:
            ended = forecasts.end_running(session, now(), reason="it died", crashed=crashed)
        assert ended == [claimed]
        with database.read() as session:
            return forecast_rows.get(session, "f").state

    def test_one_crash_is_retried_and_the_second_fails(self, waiting: Database) -> None:
        assert self.claim_and_die(waiting, crashed=True) == "queued"
        assert self.claim_and_die(waiting, crashed=True) == "failed"
        with waiting.read() as session:
            error = forecast_rows.get(session, "f").error
        assert error is not None
        assert error["detail"] == "it died"

    def test_interruptions_cost_no_retry(self, waiting: Database) -> None:
        for _ in range(3):
            assert self.claim_and_die(waiting, crashed=False) == "queued"

    def test_a_zombie_cannot_succeed(self, waiting: Database) -> None:
        self.claim_and_die(waiting, crashed=True)
        with waiting.write() as session:
            assert forecasts.claim_next(session, now()) == ("f", 2)
        with pytest.raises(FenceLostError), waiting.write() as session:
            forecasts.succeed(session, "f", 1, now())


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
