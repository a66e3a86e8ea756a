"""The job's states, its fence and its retry rule, on a real database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.accounts.tables import TenantRow
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
from app.jobs.queue import UNLIMITED, Limits
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


def queue(database: Database, *job_ids: str, **more: object) -> None:
    with database.write() as session:
        for job_id in job_ids:
            values: dict[str, object] = {
                "tenant_id": "default",
                "id": job_id,
                "dataset_id": "ds",
                "config": {},
                "audit": {},
                "state": "queued",
                "progress": 0.0,
                "message": "",
                "attempt": 0,
                "crashes": 0,
                "created_at": now(),
            }
            repository.add(session, JobRow(**(values | more)))


def claim(database: Database, limits: Limits = UNLIMITED) -> tuple[str, int] | None:
    with database.write() as session:
        return transitions.claim_next(session, now(), limits)


def training_on(ranks: int) -> dict[str, object]:
    method = {"name": "backprop", "ranks": ranks}
    return {"config": {"horizon": 24, "training_methods": {"forecaster": [method]}}}


def test_a_job_without_a_place_keeps_its_turn(database: Database) -> None:
    """Or small jobs would go by for ever while a large one waits."""
    queue(database, "large", **training_on(4))
    queue(database, "small")
    with database.write() as session:
        crowded = transitions.claim_next(
            session, now(), room=lambda needs: "later" if needs.ranks > 1 else "now"
        )
        assert crowded is None
        assert transitions.claim_next(session, now()) == ("large", 1)


def test_a_job_for_which_there_never_will_be_a_place_is_passed_over(database: Database) -> None:
    for number in range(3):
        queue(database, f"huge{number}", **training_on(16))
    queue(database, "small")
    with database.write() as session:
        claimed = transitions.claim_next(
            session, now(), room=lambda needs: "never" if needs.ranks > 1 else "now"
        )
    assert claimed == ("small", 1)


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


class TestOrder:
    @pytest.fixture(autouse=True)
    def tenants(self, database: Database) -> None:
        with database.write() as session:
            for name in ("t1", "t2"):
                session.add(TenantRow(id=name, name=name, created_at=now()))

    @staticmethod
    def order(database: Database, limits: Limits = UNLIMITED) -> str:
        found = []
        while (attempt := claim(database, limits)) is not None:
            found.append(attempt[0])
        return "".join(found)

    def test_tenants_take_turns(self, database: Database) -> None:
        queue(database, "a", "b", "c", "d", tenant_id="t1")
        queue(database, "x", "y", tenant_id="t2")
        assert self.order(database) == "axbycd"

    def test_turns_go_on_when_there_is_one_slot(self, database: Database) -> None:
        queue(database, "a", "b", "c", tenant_id="t1")
        queue(database, "x", "y", tenant_id="t2")
        found = []
        while (attempt := claim(database)) is not None:
            found.append(attempt[0])
            with database.write() as session:
                transitions.succeed(session, *attempt, now())
        assert "".join(found) == "axbyc"

    def test_priority_counts_among_a_tenants_own(self, database: Database) -> None:
        queue(database, "a", "b", tenant_id="t1")
        queue(database, "c", tenant_id="t1", priority=5)
        queue(database, "x", tenant_id="t2", priority=-5)
        assert self.order(database) == "cxab"

    def test_a_full_tenant_waits(self, database: Database) -> None:
        queue(database, "a", "b", "c", tenant_id="t1")
        queue(database, "x", tenant_id="t2")
        assert self.order(database, Limits(per_tenant=2)) == "axb"
        end(database, ("a", 1))
        assert self.order(database, Limits(per_tenant=2)) == "a"

    def test_a_full_key_waits(self, database: Database) -> None:
        queue(database, "a", "b", tenant_id="t1", account="k1")
        queue(database, "c", tenant_id="t1", account="k2")
        assert self.order(database, Limits(per_key=1)) == "ac"


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
        news = [(now(), "phase", {"phase": "audit"})]
        with pytest.raises(FenceLostError), database.write() as session:
            transitions.report(session, "a", 1, now(), news)  # type: ignore[arg-type]
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


class TestForecasts:
    @pytest.fixture
    def waiting(self, database: Database) -> Database:
        """A database with one queued forecast."""
        queue(database, "a")
        with database.write() as session:
            session.add(
                ModelRow(
                    name="load",
                    version=1,
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
