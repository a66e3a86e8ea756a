"""`/v1/jobs`."""

from fastapi import APIRouter, Response

from app.core.context import Context
from app.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    documented,
    invalid,
)
from app.core.pagination import Cursor, Limit, Page, decode_cursor, encode_cursor, split_page
from app.jobs import repository, service
from app.jobs.schemas import Job, JobAudit, JobCreate, Leaderboard, Trial
from app.jobs.states import TERMINAL, JobState
from app.jobs.tables import MAX_ROW_ID

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

POLL_SECONDS = "1"


@router.post(
    "",
    status_code=202,
    operation_id="create_job",
    responses=documented(NotFoundError, TooLargeError, InvalidRequestError),
)
async def create_job(request: JobCreate, response: Response, context: Context) -> Job:
    """Audit the dataset and queue a forecasting job on it. A worker process runs it."""
    job = await context.with_checks(service.create, context, request)
    response.headers["Location"] = job.links.self_
    response.headers["Retry-After"] = POLL_SECONDS
    return job


@router.get("", operation_id="list_jobs", responses=documented(InvalidRequestError))
def list_jobs(
    context: Context, state: JobState | None = None, limit: Limit = 20, cursor: Cursor = None
) -> Page[Job]:
    """Jobs, newest first; of one state if asked."""
    after = decode_cursor(cursor)
    with context.read() as session:
        found = repository.newest(session, limit=limit + 1, after=after, state=state)
        rows, more = split_page(found, limit)
        items = [service.view(session, row) for row in rows]
    return Page(items=items, next_cursor=encode_cursor(rows[-1].id) if more else None)


@router.get("/{job_id}", operation_id="get_job", responses=documented(NotFoundError))
def get_job(job_id: str, response: Response, context: Context) -> Job:
    """State, phase and progress of a job."""
    with context.read() as session:
        job = service.view(session, repository.get(session, job_id))
    if job.state not in TERMINAL:
        response.headers["Retry-After"] = POLL_SECONDS
    return job


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    operation_id="cancel_job",
    responses=documented(NotFoundError, ConflictError),
)
def cancel_job(job_id: str, context: Context) -> Job:
    """Cancel a queued or running job. Its worker is gone a few seconds later."""
    return service.cancel(context, job_id)


@router.get("/{job_id}/audit", operation_id="get_job_audit", responses=documented(NotFoundError))
def get_job_audit(job_id: str, context: Context) -> JobAudit:
    """What the audit of the data under this job's config found."""
    with context.read() as session:
        audit = repository.get(session, job_id).audit
    return JobAudit.model_validate({"job_id": job_id, "audit": audit})


@router.get(
    "/{job_id}/leaderboard",
    operation_id="get_leaderboard",
    responses=documented(NotFoundError, ConflictError),
)
def get_leaderboard(job_id: str, context: Context) -> Leaderboard:
    """Every candidate with its scores, seconds and watt-hours, the best first."""
    with context.read() as session:
        rows = service.leaderboard(session, job_id)
    return Leaderboard.model_validate({"job_id": job_id, "rows": [entry.row for entry in rows]})


@router.get(
    "/{job_id}/trials",
    operation_id="list_trials",
    responses=documented(NotFoundError, InvalidRequestError),
)
def list_trials(
    job_id: str, context: Context, limit: Limit = 100, cursor: Cursor = None
) -> Page[Trial]:
    """Finished trials of all attempts, in the order of finishing."""
    after = decode_cursor(cursor)
    if after is not None and not (after.isdigit() and int(after) <= MAX_ROW_ID):
        raise invalid("cursor", "this is no cursor of trials.", "Use `next_cursor` as it came.")
    with context.read() as session:
        repository.get(session, job_id)
        found = repository.trials(
            session, job_id, limit=limit + 1, after=int(after) if after else None
        )
    rows, more = split_page(found, limit)
    return Page(
        items=[Trial.model_validate(row) for row in rows],
        next_cursor=encode_cursor(str(rows[-1].id)) if more else None,
    )
