"""Queries on datasets."""

from collections.abc import Sequence

from sqlalchemy import func, select

from app.core.database import ReadSession, WriteSession
from app.core.errors import NotFoundError
from app.datasets.tables import DatasetRow


def add(session: WriteSession, row: DatasetRow) -> None:
    session.add(row)


def get(session: ReadSession, dataset_id: str) -> DatasetRow:
    """Raises NotFoundError."""
    row = session.get(DatasetRow, dataset_id)
    if row is None:
        raise NotFoundError(f"There is no dataset '{dataset_id}'.")
    return row


def newest(
    session: ReadSession, *, limit: int, after: str | None, sha256: str | None = None
) -> Sequence[DatasetRow]:
    query = select(DatasetRow).order_by(DatasetRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(DatasetRow.id < after)
    if sha256 is not None:
        query = query.where(DatasetRow.sha256 == sha256)
    return session.scalars(query).all()


def total_bytes(session: ReadSession) -> int:
    return session.scalars(select(func.coalesce(func.sum(DatasetRow.size_bytes), 0))).one()


def ids(session: ReadSession) -> Sequence[str]:
    return session.scalars(select(DatasetRow.id)).all()
