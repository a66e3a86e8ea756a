"""Queries on datasets and their versions. What was deleted is not there."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select

from app.core.database import HOLD, ReadSession, WriteSession
from app.core.errors import NotFoundError
from app.datasets.tables import DatasetRow, DatasetVersionRow


def add(session: WriteSession, row: DatasetRow | DatasetVersionRow) -> None:
    session.add(row)


def get(session: ReadSession, dataset_id: str) -> DatasetRow:
    """Raises NotFoundError."""
    return _there(session.get(DatasetRow, dataset_id), dataset_id)


def hold(session: WriteSession, dataset_id: str) -> DatasetRow:
    """The same, as it is until the transaction's end: nobody else changes it."""
    row = session.get(DatasetRow, dataset_id, with_for_update=HOLD, populate_existing=True)
    return _there(row, dataset_id)


def _there(row: DatasetRow | None, dataset_id: str) -> DatasetRow:
    if row is None or row.deleted_at is not None:
        raise NotFoundError(f"There is no dataset '{dataset_id}'.")
    return row


def version(session: ReadSession, dataset_id: str, number: int | None) -> DatasetVersionRow:
    """A version of a dataset, the newest by default. Raises NotFoundError."""
    dataset = get(session, dataset_id)
    row = session.get(DatasetVersionRow, (dataset.id, number or dataset.version))
    if row is None:
        raise NotFoundError(f"The dataset '{dataset_id}' has no version {number}.")
    return row


def newest(
    session: ReadSession,
    *,
    limit: int,
    after: str | None,
    name: str | None = None,
    sha256: str | None = None,
) -> Sequence[DatasetRow]:
    query = select(DatasetRow).order_by(DatasetRow.id.desc()).limit(limit)
    query = query.where(DatasetRow.deleted_at.is_(None))
    if after is not None:
        query = query.where(DatasetRow.id < after)
    if name is not None:
        query = query.where(DatasetRow.name == name)
    if sha256 is not None:
        query = query.where(DatasetRow.sha256 == sha256)
    return session.scalars(query).all()


def names(session: ReadSession, dataset_ids: Iterable[str]) -> dict[str, str]:
    """Of those that were given one."""
    query = select(DatasetRow.id, DatasetRow.name).where(
        DatasetRow.id.in_(list(dataset_ids)), DatasetRow.name.is_not(None)
    )
    return {dataset_id: str(name) for dataset_id, name in session.execute(query)}


def total_bytes(session: ReadSession) -> int:
    """Of all versions."""
    query = (
        select(func.coalesce(func.sum(DatasetVersionRow.size_bytes), 0))
        .join(DatasetRow, DatasetRow.id == DatasetVersionRow.dataset_id)
        .where(DatasetRow.deleted_at.is_(None))
    )
    return int(session.scalars(query).one())


def versions(
    session: ReadSession, dataset_id: str, *, limit: int, before: int | None
) -> Sequence[DatasetVersionRow]:
    """Versions, the newest first."""
    query = (
        select(DatasetVersionRow)
        .where(DatasetVersionRow.dataset_id == dataset_id)
        .order_by(DatasetVersionRow.version.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(DatasetVersionRow.version < before)
    return session.scalars(query).all()


def files(session: ReadSession) -> Sequence[tuple[str, int]]:
    """(dataset id, version) of every file that is to be kept."""
    query = (
        select(DatasetVersionRow.dataset_id, DatasetVersionRow.version)
        .join(DatasetRow, DatasetRow.id == DatasetVersionRow.dataset_id)
        .where(DatasetRow.deleted_at.is_(None))
    )
    return [(dataset_id, number) for dataset_id, number in session.execute(query)]


def delete(session: WriteSession, row: DatasetRow, at: datetime) -> None:
    row.deleted_at = at
