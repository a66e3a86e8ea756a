"""Queries on webhooks and on the outbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select

from app.core.database import ReadSession, WriteSession
from app.webhooks.tables import DeliveryRow, WebhookRow, WebhookSecretRow


def of_job(session: ReadSession, job_id: str) -> WebhookRow | None:
    return session.scalar(select(WebhookRow).where(WebhookRow.job_id == job_id))


def urls_of_jobs(session: ReadSession, job_ids: Sequence[str]) -> dict[str, str]:
    """Job id -> address, of those that have one."""
    query = select(WebhookRow.job_id, WebhookRow.url).where(WebhookRow.job_id.in_(job_ids))
    return {row.job_id: row.url for row in session.execute(query)}


def secret_of_tenant(session: ReadSession, tenant_id: str) -> WebhookSecretRow | None:
    query = select(WebhookSecretRow).where(WebhookSecretRow.tenant_id == tenant_id)
    return session.scalar(query)


def deliveries(session: ReadSession, job_id: str) -> Sequence[DeliveryRow]:
    query = select(DeliveryRow).where(DeliveryRow.job_id == job_id).order_by(DeliveryRow.id)
    return session.scalars(query).all()


@dataclass(frozen=True)
class Message:
    """A delivery with all that sending it takes."""

    id: str
    job_id: str
    body: str
    tries: int
    url: str
    secret: str


def due(session: ReadSession, at: datetime, *, limit: int) -> Sequence[Message]:
    """What should be sent by now, the longest due first."""
    secret = func.coalesce(WebhookRow.secret, WebhookSecretRow.secret)
    query = (
        select(
            DeliveryRow.id,
            DeliveryRow.job_id,
            DeliveryRow.body,
            DeliveryRow.tries,
            WebhookRow.url,
            secret.label("secret"),
        )
        .join(WebhookRow, WebhookRow.job_id == DeliveryRow.job_id)
        .outerjoin(WebhookSecretRow, WebhookSecretRow.tenant_id == WebhookRow.tenant_id)
        .where(DeliveryRow.state == "waiting", DeliveryRow.next_at <= at)
        .order_by(DeliveryRow.next_at)
        .limit(limit)
    )
    return [Message(**row) for row in session.execute(query).mappings()]


def remove(session: WriteSession, job_id: str) -> None:
    session.execute(delete(DeliveryRow).where(DeliveryRow.job_id == job_id))
    session.execute(delete(WebhookRow).where(WebhookRow.job_id == job_id))
