"""Every change of a forecast's state, guarded and fenced as those of jobs are."""

from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, select, update

from app.core.database import WriteSession
from app.core.errors import Problem
from app.forecasts.tables import ForecastRow
from app.jobs.states import MAX_ATTEMPTS, MAX_CRASHES
from app.jobs.transitions import FenceLostError, worker_problem


def claim_next(session: WriteSession, at: datetime) -> tuple[str, int] | None:
    """Take the oldest queued forecast: (forecast id, number of the new attempt)."""
    oldest = (
        select(ForecastRow.id)
        .where(ForecastRow.state == "queued")
        .order_by(ForecastRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claimed = session.execute(
        update(ForecastRow)
        .where(ForecastRow.id == oldest, ForecastRow.state == "queued")
        .values(state="running", attempt=ForecastRow.attempt + 1, started_at=at)
        .returning(ForecastRow.id, ForecastRow.attempt)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if claimed is None else (claimed[0], claimed[1])


def succeed(session: WriteSession, forecast_id: str, attempt: int, at: datetime) -> None:
    """Raises FenceLostError."""
    _fenced(session, forecast_id, attempt, {"state": "succeeded", "finished_at": at})


def reject(
    session: WriteSession, forecast_id: str, attempt: int, problem: Problem, at: datetime
) -> None:
    """The worker says why there is no forecast. Raises FenceLostError."""
    values = {"state": "failed", "error": problem.model_dump(), "finished_at": at}
    _fenced(session, forecast_id, attempt, values)


def end_running(
    session: WriteSession, at: datetime, *, reason: str, crashed: bool
) -> list[tuple[str, int]]:
    """The worker is gone: what it was at waits again, or fails after its second crash. Returns
    the attempts that ended so."""
    ended = []
    running = select(ForecastRow).where(ForecastRow.state == "running").with_for_update()
    for row in session.scalars(running):
        row.crashes += crashed
        if row.crashes < MAX_CRASHES and row.attempt < MAX_ATTEMPTS:
            row.state = "queued"
        else:
            row.state, row.finished_at = "failed", at
            row.error = worker_problem(reason).model_dump()
        ended.append((row.id, row.attempt))
    return ended


def _fenced(session: WriteSession, forecast_id: str, attempt: int, values: dict[str, Any]) -> None:
    result = session.execute(
        update(ForecastRow)
        .where(
            ForecastRow.id == forecast_id,
            ForecastRow.attempt == attempt,
            ForecastRow.state == "running",
        )
        .values(**values)
    )
    assert isinstance(result, CursorResult)
    if result.rowcount == 0:
        raise FenceLostError(f"{forecast_id} is no longer attempt {attempt}'s")
