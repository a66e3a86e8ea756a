"""The same rules for forecasts that are asked for."""

import pytest

from app.core.clock import now
from app.core.database import Database
from app.forecasts import repository, transitions
from app.forecasts.tables import ForecastRow
from app.jobs.transitions import FenceLostError
from app.models.tables import ModelRow
from tests.app.jobs.rows import queue


@pytest.fixture
def waiting(database: Database) -> Database:
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


def claim_and_die(database: Database, *, crashed: bool) -> str:
    with database.write() as session:
        claimed = transitions.claim_next(session, now())
    assert claimed is not None
    with database.write() as session:
        ended = transitions.end_running(session, now(), reason="it died", crashed=crashed)
    assert ended == [claimed]
    with database.read() as session:
        return repository.get(session, "f").state


def test_one_crash_is_retried_and_the_second_fails(waiting: Database) -> None:
    assert claim_and_die(waiting, crashed=True) == "queued"
    assert claim_and_die(waiting, crashed=True) == "failed"
    with waiting.read() as session:
        error = repository.get(session, "f").error
    assert error is not None
    assert error["detail"] == "it died"


def test_interruptions_cost_no_retry(waiting: Database) -> None:
    for _ in range(3):
        assert claim_and_die(waiting, crashed=False) == "queued"


def test_a_zombie_cannot_succeed(waiting: Database) -> None:
    claim_and_die(waiting, crashed=True)
    with waiting.write() as session:
        assert transitions.claim_next(session, now()) == ("f", 2)
    with pytest.raises(FenceLostError), waiting.write() as session:
        transitions.succeed(session, "f", 1, now())
