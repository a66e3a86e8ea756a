"""`/v1/energy` and the electricity of a job."""

from fastapi import APIRouter

from app.core.context import Context
from app.core.errors import InvalidRequestError, NotFoundError, documented
from app.energy import service
from app.energy.repository import GroupBy
from app.energy.schemas import EnergySummary, JobEnergy
from app.jobs import repository as jobs

router = APIRouter(prefix="/v1", tags=["energy"])


@router.get(
    "/jobs/{job_id}/energy", operation_id="get_job_energy", responses=documented(NotFoundError)
)
def get_job_energy(job_id: str, context: Context) -> JobEnergy:
    """What a job took so far, by phase, trial and attempt."""
    with context.read() as session:
        jobs.get(session, job_id)
        return service.of_job(session, job_id)


@router.get("/energy", operation_id="get_energy", responses=documented(InvalidRequestError))
def get_energy(context: Context, group_by: GroupBy = "day") -> EnergySummary:
    """What all jobs and forecasts took."""
    with context.read() as session:
        return service.summary(session, group_by)
