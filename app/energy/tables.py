"""The energy ledger: append-only, whole millijoules, so that any grouping is a plain sum."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.tenancy import TenantOwned


class EnergyLedgerRow(TenantOwned, Base):
    """Electricity of one interval of one process, spent on a job's attempt or on a forecast."""

    __tablename__ = "energy_ledger"
    __table_args__ = (
        CheckConstraint("(job_id IS NULL) <> (forecast_id IS NULL)", name="one_cause"),
        Index(None, "tenant_id", "day"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("job.id"), index=True)
    forecast_id: Mapped[str | None] = mapped_column(ForeignKey("forecast.id"), index=True)
    attempt: Mapped[int]
    day: Mapped[str] = mapped_column(String(10), index=True)  # UTC date of the interval's start
    started_at: Mapped[datetime]
    seconds: Mapped[float]
    phase: Mapped[str] = mapped_column(String(32))
    trial: Mapped[str | None] = mapped_column(String(200))
    forecaster: Mapped[str | None] = mapped_column(String(100))
    quantile_model: Mapped[str | None] = mapped_column(String(100))
    training_method: Mapped[str | None] = mapped_column(String(100))
    cpu_mj: Mapped[int] = mapped_column(BigInteger)
    gpu_mj: Mapped[int] = mapped_column(BigInteger)
    ram_mj: Mapped[int] = mapped_column(BigInteger)
    cpu_method: Mapped[str] = mapped_column(String(32))
    gpu_method: Mapped[str] = mapped_column(String(32))
    ram_method: Mapped[str] = mapped_column(String(32))
    measured: Mapped[bool]
    country: Mapped[str] = mapped_column(String(3))
    carbon_g_per_kwh: Mapped[float]
    pue: Mapped[float]
    tool: Mapped[str] = mapped_column(String(80))
