"""Queries on backtests."""

from typing import Any, Literal

from sqlalchemy import delete, select

from app.backtests.tables import BacktestRow
from app.core.database import ReadSession, WriteSession

Part = Literal["windows", "series", "forecasts"]


def add(session: WriteSession, row: BacktestRow) -> None:
    session.add(row)


def report(session: ReadSession, job_id: str) -> dict[str, Any] | None:
    return session.scalar(select(BacktestRow.report).where(BacktestRow.job_id == job_id))


def table(session: ReadSession, job_id: str, part: Part) -> bytes | None:
    """One of the tables as a Parquet file; the others are not read."""
    column = getattr(BacktestRow, part)
    found: bytes | None = session.scalar(select(column).where(BacktestRow.job_id == job_id))
    return found


def remove(session: WriteSession, job_id: str) -> None:
    session.execute(delete(BacktestRow).where(BacktestRow.job_id == job_id))
