"""Shows what backtests found."""

from io import BytesIO
from typing import NoReturn

import pandas as pd

from app.backtests import repository
from app.backtests.repository import Part
from app.backtests.schemas import BacktestReport
from app.core.context import RequestContext
from app.core.errors import ConflictError, NotFoundError
from app.jobs import repository as jobs
from app.jobs.states import TERMINAL
from app.jobs.tables import JobRow


def report(context: RequestContext, job_id: str) -> BacktestReport:
    """Raises NotFoundError, and ConflictError while the job has not succeeded."""
    with context.read() as session:
        job = jobs.get(session, job_id)
        found = repository.report(session, job_id)
    return BacktestReport.model_validate({"job_id": job_id, **(found or _none(job))})


def table(context: RequestContext, job_id: str, part: Part) -> pd.DataFrame:
    """One of the backtest's tables. Raises what `report` raises."""
    with context.read() as session:
        job = jobs.get(session, job_id)
        found = repository.table(session, job_id, part)
    return pd.read_parquet(BytesIO(found or _none(job)))


def _none(job: JobRow) -> NoReturn:
    """Why a job has no backtest."""
    if job.state not in TERMINAL:
        raise ConflictError(f"The job is {job.state}.", headers={"Retry-After": "2"})
    if job.state != "succeeded":
        raise ConflictError(f"The job is {job.state}; only one that succeeded has a backtest.")
    if job.config.get("backtest") is None:
        raise NotFoundError(
            f"The job '{job.id}' made no backtest. Run it again with `backtest` in its config."
        )
    raise NotFoundError(
        f"The backtest of '{job.id}' failed, as the trial 'backtest' says, or was left out for a "
        "limit, as the leaderboard says."
    )
