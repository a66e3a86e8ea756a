"""Fitted models that count: a row is written together with the job's success."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.tenancy import TenantOwned


class ModelRow(TenantOwned, Base):
    """One fitted model. A job has at most one, made by `attempt`."""

    __tablename__ = "model"
    __table_args__ = (Index(None, "tenant_id", "id"),)

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), unique=True)
    attempt: Mapped[int]
    created_at: Mapped[datetime]
    config: Mapped[dict[str, Any]]
    summary: Mapped[dict[str, Any]]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
