"""Queries on forecasts."""

from collections.abc import Sequence

from sqlalchemy import select

from app.core.database import ReadSession, WriteSession
from app.core.errors import NotFoundError
from app.forecasts.tables import ForecastRow


def add(session: WriteSession, row: ForecastRow) -> None:
    session.add(row)


def get(session: ReadSession, forecast_id: str) -> ForecastRow:
    """Raises NotFoundError."""
    row = session.get(ForecastRow, forecast_id)
    if row is None:
        raise NotFoundError(f"There is no forecast '{forecast_id}'.")
    return row


def any_queued(session: ReadSession) -> bool:
    query = select(ForecastRow.id).where(ForecastRow.state == "queued").limit(1)
    return session.scalar(query) is not None


def ids(session: ReadSession) -> Sequence[str]:
    return session.scalars(select(ForecastRow.id)).all()
