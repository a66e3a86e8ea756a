"""Queries on models."""

from collections.abc import Sequence

from sqlalchemy import select

from app.core.database import ReadSession, WriteSession
from app.core.errors import NotFoundError
from app.models.tables import ModelRow


def add(session: WriteSession, row: ModelRow) -> None:
    session.add(row)


def get(session: ReadSession, model_id: str) -> ModelRow:
    """Raises NotFoundError."""
    row = session.get(ModelRow, model_id)
    if row is None:
        raise NotFoundError(f"There is no model '{model_id}'.")
    return row


def id_of_job(session: ReadSession, job_id: str) -> str | None:
    return session.scalar(select(ModelRow.id).where(ModelRow.job_id == job_id))


def ids_of_jobs(session: ReadSession, job_ids: Sequence[str]) -> dict[str, str]:
    """Job id -> model id, of those that have one."""
    query = select(ModelRow.job_id, ModelRow.id).where(ModelRow.job_id.in_(job_ids))
    return {row.job_id: row.id for row in session.execute(query)}


def is_made_by(session: ReadSession, job_id: str, attempt: int) -> bool:
    query = select(ModelRow.id).where(ModelRow.job_id == job_id, ModelRow.attempt == attempt)
    return session.scalar(query) is not None


def makers(session: ReadSession) -> Sequence[tuple[str, int]]:
    """(job id, attempt) of every model."""
    return [
        (job, attempt)
        for job, attempt in session.execute(select(ModelRow.job_id, ModelRow.attempt))
    ]
