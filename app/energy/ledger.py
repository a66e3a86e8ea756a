"""Writes the library's energy rows into the ledger."""

from collections.abc import Iterable

from sqlalchemy import select

from app.core.database import WriteSession
from app.energy.tables import EnergyLedgerRow
from app.forecasts.tables import ForecastRow
from app.jobs.tables import JobRow
from autopq.energy import EnergyRow


def append(
    session: WriteSession,
    rows: Iterable[EnergyRow],
    *,
    attempt: int,
    job_id: str | None = None,
    forecast_id: str | None = None,
) -> None:
    """Keep rows for a job's attempt or for a forecast. They are facts: no fence guards them."""
    if job_id is not None:
        owner = select(JobRow.tenant_id).where(JobRow.id == job_id)
    else:
        owner = select(ForecastRow.tenant_id).where(ForecastRow.id == forecast_id)
    session.add_all(
        EnergyLedgerRow(
            tenant_id=owner.scalar_subquery(),
            job_id=job_id,
            forecast_id=forecast_id,
            attempt=attempt,
            day=row.started_at.date().isoformat(),
            started_at=row.started_at,
            seconds=(row.ended_at - row.started_at).total_seconds(),
            phase=row.phase,
            trial=row.trial,
            forecaster=row.forecaster,
            quantile_model=row.quantile_model,
            training_method=row.training_method,
            cpu_mj=row.cpu_mj,
            gpu_mj=row.gpu_mj,
            ram_mj=row.ram_mj,
            cpu_method=row.provenance.cpu_method,
            gpu_method=row.provenance.gpu_method,
            ram_method=row.provenance.ram_method,
            measured=row.provenance.measured,
            country=row.provenance.country,
            carbon_g_per_kwh=row.provenance.carbon_g_per_kwh,
            pue=row.provenance.pue,
            tool=row.provenance.tool,
            idle_mj=row.idle_mj,
            idle_method=row.provenance.idle_method,
            attribution=row.provenance.attribution,
            sampling_s=row.provenance.sampling_s,
            carbon_source=row.provenance.carbon_source,
        )
        for row in rows
    )
