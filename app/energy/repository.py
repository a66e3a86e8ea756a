"""Sums over the ledger."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import Row, Select, func, select

from app.core.database import ReadSession
from app.energy.tables import EnergyLedgerRow as Ledger
from app.energy.tables import HostEnergyShareRow as HostShare
from autopq.energy.host_meter import PARTS, Parts

GroupBy = Literal["day", "forecaster", "training_method"]

PROVENANCE = (
    "cpu_method",
    "gpu_method",
    "ram_method",
    "measured",
    "country",
    "carbon_g_per_kwh",
    "pue",
    "tool",
    "idle_method",
    "attribution",
    "sampling_s",
    "carbon_source",
)


def _sums(*keys: str) -> Select[Any]:
    """Sums by the keys and by provenance, so that differently obtained figures stay apart."""
    groups = [getattr(Ledger, name) for name in (*keys, *PROVENANCE)]
    sums = [func.sum(getattr(Ledger, name)).label(name) for name in (*PARTS, "seconds")]
    return select(*groups, *sums, func.min(Ledger.id).label("first")).group_by(*groups)


def of_job(session: ReadSession, job_id: str) -> Sequence[Row[Any]]:
    """Sums of a job by attempt, phase and trial, in the order they began."""
    keys = ("attempt", "phase", "trial", "forecaster", "quantile_model", "training_method")
    return session.execute(_sums(*keys).where(Ledger.job_id == job_id).order_by("first")).all()


def of_forecast(session: ReadSession, forecast_id: str) -> Sequence[Row[Any]]:
    return session.execute(_sums().where(Ledger.forecast_id == forecast_id)).all()


def overall(session: ReadSession, group_by: GroupBy) -> Sequence[Row[Any]]:
    return session.execute(_sums(group_by).order_by(group_by)).all()


def share_of(session: ReadSession, job_id: str, attempt: int) -> Parts:
    """What the book of machines has for an attempt."""
    return _parts(session, HostShare, job_id, attempt)


def named_of(session: ReadSession, job_id: str, attempt: int) -> Parts:
    """What the ledger has for an attempt."""
    return _parts(session, Ledger, job_id, attempt)


def _parts(
    session: ReadSession, table: type[Ledger] | type[HostShare], job_id: str, attempt: int
) -> Parts:
    sums = (func.coalesce(func.sum(getattr(table, name)), 0) for name in PARTS)
    found = session.execute(
        select(*sums).where(table.job_id == job_id, table.attempt == attempt)
    ).one()
    return Parts(*(int(value) for value in found))
