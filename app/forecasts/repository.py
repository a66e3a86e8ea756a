"""Queries on forecasts."""

from collections.abc import Sequence

from sqlalchemy import func, select

from app.core.database import ReadSession, WriteSession
from app.core.errors import NotFoundError
from app.forecasts.states import ForecastState
from app.forecasts.tables import ForecastRow


def add(session: WriteSession, row: ForecastRow) -> None:
    session.add(row)


def get(session: ReadSession, forecast_id: str) -> ForecastRow:
    """Raises NotFoundError."""
    row = session.get(ForecastRow, forecast_id)
    if row is None:
        raise NotFoundError(f"There is no forecast '{forecast_id}'.")
    return row


def newest(
    session: ReadSession,
    *,
    limit: int,
    after: str | None,
    model_id: str | None,
    state: ForecastState | None,
) -> Sequence[ForecastRow]:
    query = select(ForecastRow).order_by(ForecastRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(ForecastRow.id < after)
    if model_id is not None:
        query = query.where(ForecastRow.model_id == model_id)
    if state is not None:
        query = query.where(ForecastRow.state == state)
    return session.scalars(query).all()


def count_queued(session: ReadSession) -> int:
    query = select(func.count()).select_from(ForecastRow).where(ForecastRow.state == "queued")
    return session.scalars(query).one()


def any_queued(session: ReadSession) -> bool:
    query = select(ForecastRow.id).where(ForecastRow.state == "queued").limit(1)
    return session.scalar(query) is not None


def ids(session: ReadSession) -> Sequence[str]:
    return session.scalars(select(ForecastRow.id)).all()
