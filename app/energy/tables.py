"""The energy ledger: append-only, whole millijoules, so that any grouping is a plain sum."""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.database import Base, RowNumber
from app.core.tenancy import TenantOwned
from app.jobs.states import one_of


class EnergyLedgerRow(TenantOwned, Base):
    """Electricity of one interval of one process, spent on a job's attempt or on a forecast."""

    __tablename__ = "energy_ledger"
    __table_args__ = (
        CheckConstraint("(job_id IS NULL) <> (forecast_id IS NULL)", name="one_cause"),
        Index(None, "tenant_id", "day"),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
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
    idle_mj: Mapped[int] = mapped_column(BigInteger)
    idle_method: Mapped[str] = mapped_column(String(32))
    attribution: Mapped[str] = mapped_column(String(32))
    sampling_s: Mapped[float]
    carbon_source: Mapped[str] = mapped_column(String(80))


ShareKind = Literal["attempt", "forecasts", "service", "rest"]
SHARE_KINDS: tuple[ShareKind, ...] = get_args(ShareKind)


class HostEnergyRow(Base):
    """What one machine drew in one interval. Its shares add up to it exactly."""

    __tablename__ = "host_energy"
    __table_args__ = (Index(None, "host", "started_at"),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    host: Mapped[str] = mapped_column(String(255))
    started_at: Mapped[datetime]
    seconds: Mapped[float]
    cpu_mj: Mapped[int] = mapped_column(BigInteger)
    gpu_mj: Mapped[int] = mapped_column(BigInteger)
    ram_mj: Mapped[int] = mapped_column(BigInteger)
    idle_mj: Mapped[int] = mapped_column(BigInteger)
    cpu_method: Mapped[str] = mapped_column(String(32))
    gpu_method: Mapped[str] = mapped_column(String(32))
    ram_method: Mapped[str] = mapped_column(String(32))
    idle_method: Mapped[str] = mapped_column(String(32))
    measured: Mapped[bool]
    pue: Mapped[float]
    tool: Mapped[str] = mapped_column(String(80))
    sampling_s: Mapped[float]
    shares: Mapped[list["HostEnergyShareRow"]] = relationship()


class HostEnergyShareRow(Base):
    """Whom a part of a machine's interval was for: an attempt, forecasts, the service, or the
    rest, which is others' work and idle cores."""

    __tablename__ = "host_energy_share"
    __table_args__ = (
        CheckConstraint(one_of("kind", SHARE_KINDS), name="kind"),
        ForeignKeyConstraint(["job_id", "attempt"], ["attempt.job_id", "attempt.number"]),
        Index(None, "job_id", "attempt"),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    host_energy_id: Mapped[int] = mapped_column(RowNumber, ForeignKey("host_energy.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[str | None] = mapped_column(String(48))
    attempt: Mapped[int | None]
    cpu_mj: Mapped[int] = mapped_column(BigInteger)
    gpu_mj: Mapped[int] = mapped_column(BigInteger)
    ram_mj: Mapped[int] = mapped_column(BigInteger)
    idle_mj: Mapped[int] = mapped_column(BigInteger)
