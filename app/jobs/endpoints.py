"""`/v1/jobs`."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.core.context import Context, RequestContext
from app.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    documented,
    invalid,
)
from app.core.idempotency import Once
from app.core.instants import Instant
from app.core.pagination import Cursor, Limit, Page, decode_cursor, encode_cursor, split_page
from app.core.representation import CONDITIONAL, Fields, representation
from app.jobs import repository, service
from app.jobs.repository import JobFilter
from app.jobs.schemas import Job, JobAudit, JobCreate, JobRerun, Leaderboard, Trial
from app.jobs.states import TERMINAL, JobState
from app.jobs.stream import follow
from app.jobs.tables import MAX_ROW_ID

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

POLL_SECONDS = "1"

LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=MAX_ROW_ID,
        description="The `id` of the last event that was seen.",
    ),
]


@router.post(
    "",
    status_code=202,
    operation_id="create_job",
    responses=documented(NotFoundError, ConflictError, TooLargeError, InvalidRequestError),
)
async def create_job(request: JobCreate, response: Response, context: Context, once: Once) -> Job:
    """Audit the dataset and queue a forecasting job on it. A worker process runs it."""
    job = await context.with_checks(service.create, context, request, once)
    response.headers["Location"] = job.links.self_
    response.headers["Retry-After"] = POLL_SECONDS
    return job


@router.post(
    "/{job_id}/rerun",
    status_code=202,
    operation_id="rerun_job",
    responses=documented(NotFoundError, ConflictError, TooLargeError, InvalidRequestError),
)
async def rerun_job(
    job_id: str, request: JobRerun, response: Response, context: Context, once: Once
) -> Job:
    """Queue a new job like this one, with the given settings changed."""
    job = await context.with_checks(service.rerun, context, job_id, request, once)
    response.headers["Location"] = job.links.self_
    response.headers["Retry-After"] = POLL_SECONDS
    return job


@router.get(
    "",
    operation_id="list_jobs",
    response_model=Page[Job],
    responses=CONDITIONAL | documented(InvalidRequestError),
)
def list_jobs(
    asked: Request,
    context: Context,
    state: JobState | None = None,
    dataset_id: Annotated[str | None, Query(max_length=64)] = None,
    created_after: Instant | None = None,
    created_before: Instant | None = None,
    fields: Fields = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """Jobs, newest first; those of a state, of a dataset or of a time, if asked."""
    which = JobFilter(state, dataset_id, created_after, created_before)
    after = decode_cursor(cursor)
    with context.read() as session:
        found = repository.newest(session, which, limit=limit + 1, after=after)
        rows, more = split_page(found, limit)
        jobs = service.views(session, rows)
    next_cursor = encode_cursor(rows[-1].id) if more else None
    return representation(asked, Page[Job](items=jobs, next_cursor=next_cursor), fields)


@router.get(
    "/{job_id}",
    operation_id="get_job",
    response_model=Job,
    responses=CONDITIONAL | documented(NotFoundError, InvalidRequestError),
)
def get_job(asked: Request, job_id: str, context: Context, fields: Fields = None) -> Response:
    """State, phase and progress of a job."""
    with context.read() as session:
        job = service.view(session, repository.get(session, job_id))
    answer = representation(asked, job, fields)
    if job.state not in TERMINAL:
        answer.headers["Retry-After"] = POLL_SECONDS
    return answer


async def _reader(
    job_id: str, context: Context, last_event_id: LastEventId = None
) -> AsyncIterator[int]:
    """Takes a place among the streams, and says after which event to go on."""
    with context.streams.place(context.principal.account):
        await context.streams.read(_exists, context, job_id)
        yield last_event_id or 0


def _exists(context: RequestContext, job_id: str) -> None:
    with context.read() as session:
        repository.get(session, job_id)


@router.get(
    "/{job_id}/events",
    operation_id="follow_job",
    response_class=EventSourceResponse,
    responses=documented(NotFoundError, InvalidRequestError, UnavailableError),
)
async def follow_job(
    job_id: str, context: Context, after: Annotated[int, Depends(_reader)]
) -> AsyncIterator[ServerSentEvent]:
    """The job's events as they come (server-sent events), from the first one or after
    `Last-Event-ID`. The last one is `done`. Polling the job tells the same."""
    async for event in follow(context, job_id, after):
        yield event


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    operation_id="cancel_job",
    responses=documented(NotFoundError, ConflictError),
)
def cancel_job(job_id: str, context: Context) -> Job:
    """Cancel a queued or running job. Its worker is gone a few seconds later."""
    return service.cancel(context, job_id)


@router.delete(
    "/{job_id}",
    status_code=204,
    operation_id="delete_job",
    responses=documented(NotFoundError, ConflictError),
)
def delete_job(job_id: str, context: Context) -> None:
    """Remove a job that has ended, with its trials, events, model and files. Finished forecasts
    by the model stay, and so does the account of the electricity."""
    service.delete(context, job_id)


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
