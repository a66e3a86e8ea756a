"""Jobs, their attempts, and what attempts report."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    desc,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, RowNumber
from app.core.tenancy import TenantOwned
from app.jobs.states import ATTEMPT_STATES, EVENT_KINDS, JOB_STATES, MAX_CRASHES, one_of

MAX_ROW_ID = 2**63 - 1  # of the tables numbered by the database


class JobRow(TenantOwned, Base):
    """A job. `attempt` only ever grows and fences writes; `crashes` counts attempts that ended by
    themselves without a result and decides about the retry."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint(one_of("state", JOB_STATES), name="state"),
        CheckConstraint(f"crashes BETWEEN 0 AND {MAX_CRASHES}", name="crashes"),
        Index(None, "state", "id"),
        Index(None, "tenant_id", "id"),
        Index(None, "dataset_id", "id"),
        Index(None, "tenant_id", "started_at"),
        Index(None, "deadline"),
        Index("ix_job_queue", "tenant_id", "state", desc("priority"), "id"),
    )

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("dataset.id"))
    dataset_version: Mapped[int] = mapped_column(default=1)
    model_name: Mapped[str | None] = mapped_column(String(64))
    config: Mapped[dict[str, Any]]
    audit: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16))
    phase: Mapped[str | None] = mapped_column(String(16))
    progress: Mapped[float]
    message: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int]
    crashes: Mapped[int]
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    trials: Mapped[int] = mapped_column(default=0)  # finished ones of the running attempt
    best: Mapped[dict[str, Any] | None]  # the best of them, see app.jobs.schemas.BestTrial
    eta_seconds: Mapped[float | None]
    account: Mapped[str] = mapped_column(String(64), default="")  # who submitted it
    priority: Mapped[int] = mapped_column(default=0)
    deadline: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]  # the row stays, for what its job took
    rerun_of: Mapped[str | None] = mapped_column(String(48))
    update_of: Mapped[str | None] = mapped_column(String(48))  # the model it takes to newer rows


class AttemptRow(Base):
    """One run of a job's worker process. `handle` finds the process again after a restart."""

    __tablename__ = "attempt"
    __table_args__ = (CheckConstraint(one_of("state", ATTEMPT_STATES), name="state"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    handle: Mapped[str | None] = mapped_column(String(80))
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    error: Mapped[dict[str, Any] | None]


class TrialRow(Base):
    """A finished trial, in the order of finishing."""

    __tablename__ = "trial"
    __table_args__ = (
        ForeignKeyConstraint(["job_id", "attempt"], ["attempt.job_id", "attempt.number"]),
        Index(None, "job_id", "id"),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(String(48))
    attempt: Mapped[int]
    finished_at: Mapped[datetime]
    phase: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    params: Mapped[dict[str, Any]]
    score: Mapped[float | None]
    seconds: Mapped[float]
    energy_wh: Mapped[float]
    forecaster: Mapped[str | None] = mapped_column(String(100))
    quantile_model: Mapped[str | None] = mapped_column(String(100))
    training_method: Mapped[str | None] = mapped_column(String(100))
    error: Mapped[str | None] = mapped_column(Text)


class JobEventRow(Base):
    """Something that happened to a job, in its order. Rows are only ever added."""

    __tablename__ = "job_event"
    __table_args__ = (
        CheckConstraint(one_of("kind", EVENT_KINDS), name="kind"),
        Index(None, "job_id", "id"),
    )

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"))
    at: Mapped[datetime]
    attempt: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]


class LeaderboardEntryRow(Base):
    """A line of the winning attempt's leaderboard."""

    __tablename__ = "leaderboard_row"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    row: Mapped[dict[str, Any]]
