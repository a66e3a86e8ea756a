"""Queries on forecasts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from app.core.database import HOLD, ReadSession, WriteSession
from app.core.errors import NotFoundError
from app.forecasts.states import ForecastState
from app.forecasts.tables import ForecastRow


def add(session: WriteSession, row: ForecastRow) -> None:
    session.add(row)


def get(session: ReadSession, forecast_id: str) -> ForecastRow:
    """Raises NotFoundError."""
    return _there(session.get(ForecastRow, forecast_id), forecast_id)


def hold(session: WriteSession, forecast_id: str) -> ForecastRow:
    """The same, as it is until the transaction's end: nobody else changes it."""
    row = session.get(ForecastRow, forecast_id, with_for_update=HOLD, populate_existing=True)
    return _there(row, forecast_id)


def _there(row: ForecastRow | None, forecast_id: str) -> ForecastRow:
    if row is None or row.deleted_at is not None:
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
    query = query.where(ForecastRow.deleted_at.is_(None))
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
    """Of all forecasts that may have files."""
    return session.scalars(select(ForecastRow.id).where(ForecastRow.deleted_at.is_(None))).all()


def unfinished(session: ReadSession) -> Sequence[ForecastRow]:
    query = select(ForecastRow).where(ForecastRow.state.in_(("queued", "running")))
    return session.scalars(query).all()


def unfinished_on(session: ReadSession, dataset_id: str) -> str | None:
    """A forecast that has not ended and reads the dataset."""
    for row in unfinished(session):
        kept = (row.history or {}, row.future_covariates or {})
        if dataset_id in (source.get("dataset_id") for source in kept):
            return row.id
    return None


def unfinished_of(session: ReadSession, model_id: str) -> str | None:
    """A forecast by the model that has not ended."""
    return next((row.id for row in unfinished(session) if row.model_id == model_id), None)


def delete(session: WriteSession, row: ForecastRow, at: datetime) -> None:
    row.deleted_at = at
