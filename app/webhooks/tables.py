"""Who wants to hear of a job's end, and what is still to be told."""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.tenancy import TenantOwned
from app.jobs.states import one_of

DeliveryState = Literal["waiting", "delivered", "given_up"]
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)


class WebhookSecretRow(TenantOwned, Base):
    """What signs a tenant's webhooks, where a job brings no secret of its own."""

    __tablename__ = "webhook_secret"
    __table_args__ = (Index(None, "tenant_id", unique=True),)

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    secret: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class WebhookRow(TenantOwned, Base):
    """Where a job's end is told. The signature needs the secret itself, not a hash of it."""

    __tablename__ = "webhook"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str | None] = mapped_column(String(200))


class DeliveryRow(TenantOwned, Base):
    """The outbox: written with the job's end, sent until a receiver took it."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint(one_of("state", DELIVERY_STATES), name="state"),
        Index(None, "state", "next_at"),
        Index(None, "job_id"),
    )

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("webhook.job_id"))
    kind: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
