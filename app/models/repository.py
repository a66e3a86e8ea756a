"""Queries on models and their aliases. What was deleted is not there, unless said otherwise."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, delete, func, select

from app.core.database import HOLD, ReadSession, WriteSession
from app.core.errors import NotFoundError
from app.jobs.tables import JobRow
from app.models.tables import ModelAliasRow, ModelRow

LATEST = "latest"


def add(session: WriteSession, row: ModelRow) -> None:
    session.add(row)


def get(session: ReadSession, reference: str) -> ModelRow:
    """The model of an id, or of `name@alias`, `name@version` or `name@latest`.

    Raises NotFoundError."""
    name, at, tag = reference.rpartition("@")
    row = _tagged(session, name, tag) if at else session.get(ModelRow, reference)
    if row is None or row.deleted_at is not None:
        raise NotFoundError(f"There is no model '{reference}'.")
    return row


def hold(session: WriteSession, reference: str) -> ModelRow:
    """The same, as it is until the transaction's end: nobody else changes it."""
    row = get(session, reference)
    session.refresh(row, with_for_update=HOLD)
    if row.deleted_at is not None:
        raise NotFoundError(f"There is no model '{reference}'.")
    return row


def _tagged(session: ReadSession, name: str, tag: str) -> ModelRow | None:
    of_name = _living().where(ModelRow.name == name)
    if tag == LATEST:
        return session.scalar(of_name.order_by(ModelRow.version.desc()).limit(1))
    if tag.isascii() and tag.isdigit() and len(tag) < 10:
        return session.scalar(of_name.where(ModelRow.version == int(tag)))
    alias = (ModelAliasRow.name == name, ModelAliasRow.alias == tag)
    return session.scalar(
        _living().join(ModelAliasRow, ModelAliasRow.model_id == ModelRow.id).where(*alias)
    )


def made_it(session: ReadSession, model_id: str) -> ModelRow:
    """The model that made a forecast, deleted or not."""
    return session.scalars(select(ModelRow).where(ModelRow.id == model_id)).one()


def job_of(session: ReadSession, row: ModelRow) -> JobRow:
    return session.scalars(select(JobRow).where(JobRow.id == row.job_id)).one()


def jobs_of(session: ReadSession, rows: Sequence[ModelRow]) -> dict[str, JobRow]:
    """Jobs by id."""
    query = select(JobRow).where(JobRow.id.in_([row.job_id for row in rows]))
    return {job.id: job for job in session.scalars(query)}


def newest(
    session: ReadSession,
    *,
    limit: int,
    after: str | None,
    name: str | None = None,
    alias: str | None = None,
    dataset_id: str | None = None,
) -> Sequence[ModelRow]:
    query = _living().order_by(ModelRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(ModelRow.id < after)
    if name is not None:
        query = query.where(ModelRow.name == name)
    if alias is not None:
        query = query.join(ModelAliasRow, ModelAliasRow.model_id == ModelRow.id)
        query = query.where(ModelAliasRow.alias == alias)
    if dataset_id is not None:
        query = query.join(JobRow, JobRow.id == ModelRow.job_id)
        query = query.where(JobRow.dataset_id == dataset_id)
    return session.scalars(query).all()


def next_version(session: WriteSession, tenant_id: str, name: str) -> int:
    """Deleted models keep their numbers: a version never means another model later. To be asked
    while the tenant is held, or two models would get the same."""
    query = select(func.max(ModelRow.version)).where(
        ModelRow.tenant_id == tenant_id, ModelRow.name == name
    )
    return (session.scalar(query) or 0) + 1


def aliases_of(session: ReadSession, rows: Sequence[ModelRow]) -> dict[str, list[str]]:
    """Aliases by model id."""
    query = (
        select(ModelAliasRow)
        .where(ModelAliasRow.model_id.in_([row.id for row in rows]))
        .order_by(ModelAliasRow.alias)
    )
    found: dict[str, list[str]] = {row.id: [] for row in rows}
    for alias in session.scalars(query):
        found[alias.model_id].append(alias.alias)
    return found


def promote(session: WriteSession, row: ModelRow, alias: str, at: datetime) -> None:
    """Let the alias of the model's name stand for this model."""
    key = {"tenant_id": row.tenant_id, "name": row.name, "alias": alias}
    found = session.get(ModelAliasRow, tuple(key.values()))
    if found is None:
        session.add(ModelAliasRow(**key, model_id=row.id, promoted_at=at))
    else:
        found.model_id, found.promoted_at = row.id, at


def remove(session: WriteSession, row: ModelRow, at: datetime) -> None:
    """Mark a model as deleted; its aliases stand for nothing."""
    session.execute(delete(ModelAliasRow).where(ModelAliasRow.model_id == row.id))
    row.deleted_at = at


def ids_of_jobs(session: ReadSession, job_ids: Sequence[str]) -> dict[str, str]:
    """Job id -> model id, of those that have one."""
    query = select(ModelRow.job_id, ModelRow.id).where(
        ModelRow.job_id.in_(job_ids), ModelRow.deleted_at.is_(None)
    )
    return {row.job_id: row.id for row in session.execute(query)}


def is_made_by(session: ReadSession, job_id: str, attempt: int) -> bool:
    query = select(ModelRow.id).where(ModelRow.job_id == job_id, ModelRow.attempt == attempt)
    return session.scalar(query) is not None


def makers(session: ReadSession) -> Sequence[tuple[str, int]]:
    """(job id, attempt) of every model."""
    query = select(ModelRow.job_id, ModelRow.attempt).where(ModelRow.deleted_at.is_(None))
    return [(job, attempt) for job, attempt in session.execute(query)]


def _living() -> Select[ModelRow]:
    return select(ModelRow).where(ModelRow.deleted_at.is_(None))
