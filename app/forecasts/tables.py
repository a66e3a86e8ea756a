"""Requested forecasts."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.tenancy import TenantOwned
from app.forecasts.states import FORECAST_STATES
from app.jobs.states import MAX_CRASHES, one_of


class ForecastRow(TenantOwned, Base):
    """A forecast of one model. `attempt` fences writes as it does for jobs."""

    __tablename__ = "forecast"
    __table_args__ = (
        CheckConstraint(one_of("state", FORECAST_STATES), name="state"),
        CheckConstraint(f"crashes BETWEEN 0 AND {MAX_CRASHES}", name="crashes"),
        Index(None, "state", "id"),
        Index(None, "tenant_id", "id"),
    )

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("model.id"))
    history: Mapped[dict[str, Any] | None]  # a source, see app.checks.sources
    future_covariates: Mapped[dict[str, Any] | None]
    paths: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int]
    crashes: Mapped[int]
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
