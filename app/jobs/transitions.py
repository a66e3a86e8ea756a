"""Every change of a job's state, guarded: an update names the states it may leave.

    queued ──claim──► running ──succeed──► succeeded
      │  ▲               │ ├──reject──────► failed
      │  └─end_attempt───┘ └──end_attempt─► failed
      │                  │
      └──cancel──► cancelled ◄─end_attempt─ cancelling ◄──cancel── running

The worker's own writes carry its attempt as a fence. A write that touches no row means that the
job was handed on or cancelled, and raises `FenceLostError`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import CursorResult, insert, update

from app.core.database import WriteSession
from app.core.errors import ConflictError, Problem
from app.engine.base import Needs, Room
from app.jobs import repository
from app.jobs.queue import UNLIMITED, Limits, anywhere, next_job
from app.jobs.states import (
    MAX_ATTEMPTS,
    MAX_CRASHES,
    TERMINAL,
    AttemptState,
    EventKind,
    JobState,
)
from app.jobs.tables import AttemptRow, JobEventRow, JobRow
from app.webhooks import outbox

Ending = Literal["failed", "lost", "interrupted", "overdue"]
News = tuple[datetime, EventKind, dict[str, Any]]

_OVERDUE = "the deadline passed"
_STARTING = "starting a worker"
# What an attempt that has not started has to show.
_NOTHING_YET: dict[str, Any] = {
    "phase": None,
    "progress": 0.0,
    "trials": 0,
    "best": None,
    "eta_seconds": None,
}


class FenceLostError(Exception):
    """This attempt no longer owns its job; it must end without a trace."""


# ------------------------------------------------------------------ the supervisor's and the API's


def submit(session: WriteSession, job: JobRow) -> None:
    """Add a queued job."""
    session.add(job)
    session.flush()
    _tell(session, job.id, job.attempt, job.created_at, "queued", job.message)


def claim_next(
    session: WriteSession,
    at: datetime,
    limits: Limits = UNLIMITED,
    room: Callable[[Needs], Room] = anywhere,
) -> tuple[str, int] | None:
    """Take the job that is next: (job id, number of the new attempt)."""
    claimed = session.execute(
        update(JobRow)
        .where(JobRow.id == next_job(session, limits, room), JobRow.state == "queued")
        .values(
            **_NOTHING_YET,
            state="running",
            attempt=JobRow.attempt + 1,
            message=_STARTING,
            started_at=at,
        )
        .returning(JobRow.id, JobRow.attempt)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if claimed is None:
        return None
    job_id, number = claimed
    session.execute(
        insert(AttemptRow).values(job_id=job_id, number=number, state="starting", started_at=at)
    )
    _tell(session, job_id, number, at, "running", _STARTING)
    return job_id, number


def note_process(session: WriteSession, job_id: str, number: int, handle: str) -> None:
    """Remember how to find the attempt's process after a restart of the service."""
    session.execute(
        update(AttemptRow)
        .where(AttemptRow.job_id == job_id, AttemptRow.number == number)
        .values(handle=handle)
    )


def request_cancel(session: WriteSession, job_id: str, at: datetime) -> None:
    """Queued jobs are cancelled at once, running ones told to stop; doing it again is no error.

    Raises NotFoundError, and ConflictError when the job already succeeded or failed.
    """
    job = repository.hold(session, job_id)
    if job.state == "queued":
        _finish(session, job, "cancelled", "cancelled before it started", at)
    elif job.state == "running":
        job.state, job.message = "cancelling", "stopping the worker"
        _announce(session, job, at)
    elif job.state in ("succeeded", "failed"):
        raise ConflictError(f"The job has already {job.state}.")


def expire_queued(session: WriteSession, at: datetime) -> None:
    """Fail the jobs whose deadline passed before they had a worker."""
    for job_id in [job.id for job in repository.overdue(session, at)]:
        job = repository.hold(session, job_id)
        if job.state == "queued":
            job.error = _overdue_problem(job).model_dump()
            _finish(session, job, "failed", _OVERDUE, at)


def end_attempt(
    session: WriteSession, job_id: str, number: int, ending: Ending, reason: str, at: datetime
) -> JobState:
    """Settle an attempt whose process is gone, and return the job's new state.

    The retry rule: a crash (`failed`, `lost`) is retried once; an attempt that the service itself
    interrupted costs nothing; one that its deadline ended is not repeated. Does nothing when the
    attempt already brought the job to an end.
    """
    job = repository.hold_of_attempt(session, job_id)
    attempt = repository.attempt(session, job_id, number)
    if attempt is None or job.attempt != number or job.state not in ("running", "cancelling"):
        return cast(JobState, job.state)
    if job.state == "cancelling":
        _close(attempt, "cancelled", at)
        _finish(session, job, "cancelled", "cancelled", at)
        return "cancelled"
    if ending == "overdue":
        attempt.error = job.error = _overdue_problem(job).model_dump()
        _close(attempt, "failed", at)
        _finish(session, job, "failed", _OVERDUE, at)
        return "failed"
    said = attempt.error  # a worker that raised has told why
    _close(attempt, "failed" if said and ending == "lost" else ending, at)
    if ending != "interrupted":
        job.crashes += 1
    if job.crashes < MAX_CRASHES and number < MAX_ATTEMPTS:
        job.state, job.message = "queued", f"waiting to start again: {reason}"
        for name, value in _NOTHING_YET.items():
            setattr(job, name, value)
        _announce(session, job, at)
        return "queued"
    job.error = said or worker_problem(reason).model_dump()
    _finish(session, job, "failed", reason, at)
    return "failed"


def worker_problem(detail: str) -> Problem:
    return Problem(
        type="/problems/worker-failed", title="The worker failed", status=500, detail=detail
    )


def _overdue_problem(job: JobRow) -> Problem:
    assert job.deadline is not None
    return Problem(
        type="/problems/deadline-passed",
        title="The deadline passed",
        status=504,
        detail=f"The job had not ended by its deadline, {job.deadline.isoformat()}.",
    )


# ------------------------------------------------------------------ the worker's, fenced


def begin(session: WriteSession, job_id: str, number: int, at: datetime) -> None:
    """The worker process reports itself. Raises FenceLostError."""
    report(session, job_id, number, at, message="starting")
    session.execute(_own(job_id, number).values(state="running"))


def report(
    session: WriteSession,
    job_id: str,
    number: int,
    at: datetime,
    news: Sequence[News] = (),
    **values: Any,
) -> None:
    """Heartbeat with whatever changed (`phase`, `progress`, `message`, ...) and happened since
    the last one. Raises FenceLostError."""
    _fenced(session, job_id, number, {"attempt": number, **values})
    session.execute(_own(job_id, number).values(heartbeat_at=at))
    session.add_all(
        JobEventRow(job_id=job_id, attempt=number, at=when, kind=kind, data=data)
        for when, kind, data in news
    )


def succeed(session: WriteSession, job_id: str, number: int, at: datetime) -> None:
    """Raises FenceLostError, also when the job was cancelled meanwhile."""
    _end(session, job_id, number, at, "succeeded", "done", progress=1.0)
    session.execute(_own(job_id, number).values(state="succeeded", ended_at=at))


def reject(session: WriteSession, job_id: str, number: int, problem: Problem, at: datetime) -> None:
    """The input is unusable, so trying again would change nothing. Raises FenceLostError."""
    error = problem.model_dump()
    _end(session, job_id, number, at, "failed", problem.detail, error=error)
    session.execute(_own(job_id, number).values(state="failed", ended_at=at, error=error))


def confess(session: WriteSession, job_id: str, number: int, problem: Problem) -> None:
    """Leave the reason for a failure behind; the supervisor decides what follows from it.
    Raises FenceLostError."""
    _fenced(session, job_id, number, {"attempt": number})
    session.execute(_own(job_id, number).values(error=problem.model_dump()))


def _fenced(session: WriteSession, job_id: str, number: int, values: dict[str, Any]) -> None:
    result = session.execute(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.attempt == number, JobRow.state == "running")
        .values(**values)
    )
    assert isinstance(result, CursorResult)
    if result.rowcount == 0:
        raise FenceLostError(f"{job_id} is no longer attempt {number}'s")


def _own(job_id: str, number: int) -> Any:
    return update(AttemptRow).where(AttemptRow.job_id == job_id, AttemptRow.number == number)


def _close(attempt: AttemptRow, state: AttemptState, at: datetime) -> None:
    attempt.state, attempt.ended_at = state, at


# ------------------------------------------------------------------ ends, and who is told


def _end(
    session: WriteSession,
    job_id: str,
    number: int,
    at: datetime,
    state: JobState,
    message: str,
    **values: Any,
) -> None:
    """The worker's own end of its job. Raises FenceLostError."""
    values |= {
        "state": state,
        "message": message,
        "finished_at": at,
        "eta_seconds": None,
    }
    _fenced(session, job_id, number, values)
    _tell(session, job_id, number, at, state, message)


def _finish(
    session: WriteSession, job: JobRow, state: JobState, message: str, at: datetime
) -> None:
    job.state, job.message, job.finished_at, job.eta_seconds = state, message, at, None
    _announce(session, job, at)


def _announce(session: WriteSession, job: JobRow, at: datetime) -> None:
    _tell(session, job.id, job.attempt, at, cast(JobState, job.state), job.message)


def _tell(
    session: WriteSession, job_id: str, attempt: int, at: datetime, state: JobState, message: str
) -> None:
    if state in TERMINAL:
        outbox.announce_end(session, job_id, attempt, state, message, at)
    data = {"state": state, "message": message}
    session.add(JobEventRow(job_id=job_id, attempt=attempt, at=at, kind="state", data=data))
