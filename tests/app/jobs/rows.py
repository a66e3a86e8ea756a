"""What tests do to jobs of a database, past the service."""

from app.core.clock import now
from app.core.database import Database
from app.jobs import repository, transitions
from app.jobs.queue import UNLIMITED, Limits
from app.jobs.tables import JobRow
from app.jobs.transitions import Ending


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
