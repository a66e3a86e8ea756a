"""Fitted models that count: a row is written together with the job's success."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.tenancy import TenantOwned


class ModelRow(TenantOwned, Base):
    """One fitted model. A job has at most one, made by `attempt`. The row stays when the model is
    deleted, since forecasts refer to it; its files do not."""

    __tablename__ = "model"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name", "version"),
        Index(None, "tenant_id", "id"),
    )

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), unique=True)
    attempt: Mapped[int]
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    config: Mapped[dict[str, Any]]
    summary: Mapped[dict[str, Any]]
    size_bytes: Mapped[int] = mapped_column(BigInteger)


class ModelAliasRow(TenantOwned, Base):
    """Which model an alias stands for. A name's alias stands for one model at a time."""

    __tablename__ = "model_alias"
    __table_args__ = (Index(None, "model_id"),)

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    alias: Mapped[str] = mapped_column(String(32), primary_key=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("model.id"))
    promoted_at: Mapped[datetime]
