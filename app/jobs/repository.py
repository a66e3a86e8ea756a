"""Queries on jobs, attempts, trials and leaderboards that change no state."""

from collections.abc import Sequence

from sqlalchemy import select

from app.core.database import ReadSession, WriteSession
from app.core.errors import NotFoundError
from app.jobs.states import JobState
from app.jobs.tables import AttemptRow, JobRow, LeaderboardEntryRow, TrialRow


def add(session: WriteSession, row: JobRow) -> None:
    session.add(row)


def get(session: ReadSession, job_id: str) -> JobRow:
    """Raises NotFoundError."""
    row = session.get(JobRow, job_id)
    if row is None:
        raise NotFoundError(f"There is no job '{job_id}'.")
    return row


def newest(
    session: ReadSession, *, limit: int, after: str | None, state: JobState | None
) -> Sequence[JobRow]:
    query = select(JobRow).order_by(JobRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(JobRow.id < after)
    if state is not None:
        query = query.where(JobRow.state == state)
    return session.scalars(query).all()


def in_state(session: ReadSession, state: JobState) -> Sequence[JobRow]:
    return session.scalars(select(JobRow).where(JobRow.state == state).order_by(JobRow.id)).all()


def any_queued(session: ReadSession) -> bool:
    query = select(JobRow.id).where(JobRow.state == "queued").limit(1)
    return session.scalar(query) is not None


def open_attempts(session: ReadSession) -> Sequence[AttemptRow]:
    """Attempts whose process may still run."""
    query = select(AttemptRow).where(AttemptRow.state.in_(("starting", "running")))
    return session.scalars(query).all()


def attempt(session: ReadSession, job_id: str, number: int) -> AttemptRow | None:
    return session.get(AttemptRow, (job_id, number))


def leaderboard(session: ReadSession, job_id: str) -> Sequence[LeaderboardEntryRow]:
    query = select(LeaderboardEntryRow).where(LeaderboardEntryRow.job_id == job_id)
    return session.scalars(query.order_by(LeaderboardEntryRow.rank)).all()


def trials(
    session: ReadSession, job_id: str, *, limit: int, after: int | None
) -> Sequence[TrialRow]:
    query = select(TrialRow).where(TrialRow.job_id == job_id).order_by(TrialRow.id).limit(limit)
    if after is not None:
        query = query.where(TrialRow.id > after)
    return session.scalars(query).all()
