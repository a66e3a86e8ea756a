"""`/v1/energy` and the electricity of a job."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response

from app.core.clock import now
from app.core.context import Context, OperatorContext
from app.core.errors import ConflictError, InvalidRequestError, NotFoundError, documented
from app.core.instants import Day
from app.datasets import repository as datasets
from app.energy import reports, service, worth
from app.energy.repository import Filter, GroupBy
from app.energy.schemas import (
    EnergySummary,
    Estimate,
    JobEnergy,
    JobEstimate,
    MachinesEnergy,
    Worth,
)
from app.energy.service import Price
from app.energy.tabular import to_csv
from app.jobs import repository as jobs
from app.jobs import service as jobs_service

router = APIRouter(prefix="/v1", tags=["energy"])

HTML = "text/html; charset=utf-8"
# The pages bring everything along and load nothing.
_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}}
}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}

Within = Annotated[
    float, Query(ge=0, le=10, description="Share of the best score that counts as equal to it.")
]
Value = Annotated[
    float | None,
    Query(gt=0, description="What a forecast is worth more for each unit of the score less."),
]
Key = Annotated[str | None, Query(max_length=200)]


def _filter(
    since: Annotated[Day | None, Query(description="First day, UTC.")] = None,
    until: Annotated[Day | None, Query(description="Last day, UTC.")] = None,
    dataset: Key = None,
    forecaster: Key = None,
    training_method: Key = None,
    preset: Key = None,
    job: Key = None,
) -> Filter:
    return Filter(since, until, dataset, forecaster, training_method, preset, job)


@router.get(
    "/jobs/{job_id}/energy", operation_id="get_job_energy", responses=documented(NotFoundError)
)
def get_job_energy(job_id: str, context: Context) -> JobEnergy:
    """What a job took so far, by phase, trial, training method and attempt."""
    with context.read() as session:
        jobs.get(session, job_id)
        return service.of_job(session, job_id, Price.of(context.settings))


@router.post(
    "/jobs:estimate",
    operation_id="estimate_job",
    responses=documented(NotFoundError, InvalidRequestError),
)
def estimate_job(request: JobEstimate, context: Context) -> Estimate:
    """What such a job will probably take in electricity and time, with an interval, from jobs
    that have been through on this machine. Nothing is queued."""
    with context.read() as session:
        rows = datasets.version(session, request.dataset_id, request.dataset_version).rows
        return service.estimate_of(session, request.config.model_dump(mode="json"), rows)


@router.get(
    "/jobs/{job_id}/energy/worth",
    operation_id="get_job_energy_worth",
    responses=documented(NotFoundError, ConflictError, InvalidRequestError),
)
def get_job_energy_worth(
    job_id: str, context: Context, within: Within = 0.01, value: Value = None
) -> Worth:
    """What the accuracy of the job's candidates cost: Pareto front, price of the last per cent,
    break-even, and training methods at equal accuracy."""
    with context.read() as session:
        rows = [entry.row for entry in jobs_service.leaderboard(session, job_id)]
    return worth.of_leaderboard(rows, Price.of(context.settings), within=within, value=value)


@router.get(
    "/jobs/{job_id}/energy/report",
    operation_id="get_job_energy_report",
    response_class=Response,
    responses=_PAGE | documented(NotFoundError, InvalidRequestError),
)
def get_job_energy_report(
    job_id: str, context: Context, within: Within = 0.01, value: Value = None
) -> Response:
    """The job's electricity on one page of HTML to print or to send on."""
    with context.read() as session:
        page = reports.of_job(
            session, job_id, Price.of(context.settings), within=within, value=value
        )
    return Response(page, media_type=HTML, headers=_PAGE_HEADERS)


@router.get(
    "/energy",
    operation_id="get_energy",
    response_model=EnergySummary,
    responses=_CSV | documented(InvalidRequestError),
)
def get_energy(
    context: Context,
    which: Annotated[Filter, Depends(_filter)],
    group_by: GroupBy = "day",
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> EnergySummary | Response:
    """What jobs and forecasts took. Forecasts count with the dataset and preset of their model."""
    with context.read() as session:
        found = service.summary(session, group_by, Price.of(context.settings), which)
    if form == "csv":
        return Response(to_csv(found), media_type="text/csv; charset=utf-8")
    return found


@router.get(
    "/energy/report",
    operation_id="get_energy_report",
    response_class=Response,
    responses=_PAGE | documented(InvalidRequestError),
)
def get_energy_report(
    context: Context,
    month: Annotated[
        str | None,
        Query(pattern="^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$", description="Such as `2026-11`."),
    ] = None,
) -> Response:
    """A month's electricity on one page of HTML; this month's by default."""
    with context.read() as session:
        page = reports.of_month(
            session, month or now().strftime("%Y-%m"), Price.of(context.settings)
        )
    return Response(page, media_type=HTML, headers=_PAGE_HEADERS)


@router.get("/energy/machines", operation_id="get_machines_energy")
def get_machines_energy(context: OperatorContext) -> MachinesEnergy:
    """What each machine drew by day, and how much of it was for jobs, forecasts, the service and
    the rest. Of the whole service, so it needs the scope `metrics`."""
    with context.database.read() as session:
        return service.machines(session)
