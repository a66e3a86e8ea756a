"""Queries on jobs, attempts, trials and leaderboards that change no state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, delete, func, literal, select

from app.core.database import HOLD, ReadSession, WriteSession
from app.core.errors import NotFoundError
from app.jobs.states import AT_WORK, TERMINAL, JobState
from app.jobs.tables import AttemptRow, JobEventRow, JobRow, LeaderboardEntryRow, TrialRow

_IDS_A_QUERY = 500


def add(session: WriteSession, row: JobRow) -> None:
    session.add(row)


def get(session: ReadSession, job_id: str) -> JobRow:
    """Raises NotFoundError."""
    return _there(session.get(JobRow, job_id), job_id)


def hold(session: WriteSession, job_id: str) -> JobRow:
    """The same, as it is until the transaction's end: nobody else changes it."""
    return _there(_held(session, job_id), job_id)


def hold_of_attempt(session: WriteSession, job_id: str) -> JobRow:
    """The same for an attempt that is over: its job may have been deleted meanwhile."""
    row = _held(session, job_id)
    assert row is not None  # rows outlive the deletion of what they describe
    return row


def _held(session: WriteSession, job_id: str) -> JobRow | None:
    return session.get(JobRow, job_id, with_for_update=HOLD, populate_existing=True)


def _there(row: JobRow | None, job_id: str) -> JobRow:
    if row is None or row.deleted_at is not None:
        raise NotFoundError(f"There is no job '{job_id}'.")
    return row


@dataclass(frozen=True)
class JobFilter:
    """Which jobs a list shows."""

    state: JobState | None = None
    dataset_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [JobRow.deleted_at.is_(None)]
        if self.state is not None:
            found.append(JobRow.state == self.state)
        if self.dataset_id is not None:
            found.append(JobRow.dataset_id == self.dataset_id)
        if self.created_after is not None:
            found.append(JobRow.created_at > self.created_after)
        if self.created_before is not None:
            found.append(JobRow.created_at < self.created_before)
        return found


def newest(
    session: ReadSession, which: JobFilter, *, limit: int, after: str | None
) -> Sequence[JobRow]:
    query = select(JobRow).where(*which.conditions()).order_by(JobRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(JobRow.id < after)
    return session.scalars(query).all()


def in_state(session: ReadSession, state: JobState) -> Sequence[JobRow]:
    return session.scalars(select(JobRow).where(JobRow.state == state).order_by(JobRow.id)).all()


def overdue(session: ReadSession, at: datetime) -> Sequence[JobRow]:
    """Jobs that should have ended by now."""
    query = select(JobRow).where(JobRow.deadline <= at, JobRow.state.in_(("queued", "running")))
    return session.scalars(query).all()


def unfinished_on(session: ReadSession, dataset_id: str) -> str | None:
    """A job that has not ended and reads the dataset."""
    query = select(JobRow.id).where(
        JobRow.dataset_id == dataset_id, JobRow.state.not_in(sorted(TERMINAL))
    )
    return session.scalar(query.limit(1))


def states(
    session: ReadSession, job_ids: Sequence[str], *, deleted: bool = False
) -> dict[str, str]:
    """Job id -> state, of those of these jobs that are there; with `deleted`, of those that were
    deleted too."""
    found: dict[str, str] = {}
    for first in range(0, len(job_ids), _IDS_A_QUERY):
        query = select(JobRow.id, JobRow.state).where(
            JobRow.id.in_(job_ids[first : first + _IDS_A_QUERY])
        )
        if not deleted:
            query = query.where(JobRow.deleted_at.is_(None))
        found |= {row.id: row.state for row in session.execute(query)}
    return found


def any_queued(session: ReadSession) -> bool:
    query = select(JobRow.id).where(JobRow.state == "queued").limit(1)
    return session.scalar(query) is not None


def count_queued(session: ReadSession) -> int:
    query = select(func.count()).select_from(JobRow).where(JobRow.state == "queued")
    return session.scalars(query).one()


def open_attempts(session: ReadSession) -> Sequence[AttemptRow]:
    """Attempts whose process may still run."""
    query = select(AttemptRow).where(AttemptRow.state.in_(("starting", "running")))
    return session.scalars(query).all()


def heartbeats(session: ReadSession) -> dict[tuple[str, int], datetime | None]:
    """Of all attempts that own a job which has not ended, by job and number."""
    query = (
        select(AttemptRow.job_id, AttemptRow.number, AttemptRow.heartbeat_at)
        .join(JobRow, (JobRow.id == AttemptRow.job_id) & (JobRow.attempt == AttemptRow.number))
        .where(JobRow.state.in_(AT_WORK))
    )
    return {(row.job_id, row.number): row.heartbeat_at for row in session.execute(query)}


def attempt(session: ReadSession, job_id: str, number: int) -> AttemptRow | None:
    return session.get(AttemptRow, (job_id, number))


def leaderboard(session: ReadSession, job_id: str) -> Sequence[LeaderboardEntryRow]:
    query = select(LeaderboardEntryRow).where(LeaderboardEntryRow.job_id == job_id)
    return session.scalars(query.order_by(LeaderboardEntryRow.rank)).all()


def state(session: ReadSession, job_id: str) -> str | None:
    living = select(JobRow.state).where(JobRow.id == job_id, JobRow.deleted_at.is_(None))
    return session.scalar(living)


def events(session: ReadSession, job_id: str, *, after: int, limit: int) -> Sequence[JobEventRow]:
    """Events with a greater id than `after`, in order."""
    query = (
        select(JobEventRow)
        .where(JobEventRow.job_id == job_id, JobEventRow.id > literal(after, BigInteger))
        .order_by(JobEventRow.id)
        .limit(limit)
    )
    return session.scalars(query).all()


def trials(
    session: ReadSession, job_id: str, *, limit: int, after: int | None
) -> Sequence[TrialRow]:
    query = select(TrialRow).where(TrialRow.job_id == job_id).order_by(TrialRow.id).limit(limit)
    if after is not None:
        query = query.where(TrialRow.id > literal(after, BigInteger))
    return session.scalars(query).all()


def trial_names(session: ReadSession, job_id: str) -> set[str]:
    """Of all trials that were written down."""
    return set(session.scalars(select(TrialRow.name).where(TrialRow.job_id == job_id)))


def remove(session: WriteSession, row: JobRow, at: datetime) -> None:
    """Forget an ended job and all that was written about it. Its row stays behind the ledger."""
    for table in (JobEventRow, TrialRow, LeaderboardEntryRow):
        session.execute(delete(table).where(table.job_id == row.id))
    row.deleted_at = at
    row.config, row.audit, row.error, row.best = {}, {}, None, None
    row.message = "deleted"
