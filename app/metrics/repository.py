"""Figures over all tenants."""

from datetime import datetime

from sqlalchemy import func, select

from app.core.database import ReadSession
from app.energy.tables import EnergyLedgerRow as Ledger
from app.forecasts.tables import ForecastRow
from app.jobs.tables import JobRow


def jobs_by_state(session: ReadSession) -> dict[str, int]:
    query = select(JobRow.state, func.count()).group_by(JobRow.state)
    return {row[0]: row[1] for row in session.execute(query)}


def forecasts_by_state(session: ReadSession) -> dict[str, int]:
    query = select(ForecastRow.state, func.count()).group_by(ForecastRow.state)
    return {row[0]: row[1] for row in session.execute(query)}


def oldest_queued(session: ReadSession, table: type[JobRow] | type[ForecastRow]) -> datetime | None:
    """When what waits longest was asked for."""
    query = select(func.min(table.created_at)).where(table.state == "queued")
    return session.scalar(query)


def energy_after(session: ReadSession, last_id: int) -> tuple[int, dict[bool, int]]:
    """The newest ledger row's id, and the millijoules of the rows after `last_id`, by whether they
    were measured. Sums over the whole ledger would take longer the older it grows."""
    energy = func.sum(Ledger.cpu_mj + Ledger.idle_mj + Ledger.gpu_mj + Ledger.ram_mj)
    query = (
        select(Ledger.measured, energy, func.max(Ledger.id))
        .where(Ledger.id > last_id)
        .group_by(Ledger.measured)
    )
    rows = session.execute(query).all()
    newest = max((last for _, _, last in rows), default=last_id)
    return newest, {measured: int(spent) for measured, spent, _ in rows}
