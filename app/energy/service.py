"""Folds ledger sums into the views of the API."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from app.core.clock import now
from app.core.database import ReadSession
from app.energy import repository
from app.energy.estimate import Past, estimate
from app.energy.repository import PROVENANCE, Filter, GroupBy
from app.energy.schemas import (
    AttemptEnergy,
    EnergyGroup,
    EnergySummary,
    Estimate,
    Figures,
    JobEnergy,
    MachineEnergy,
    MachinesEnergy,
    MethodEnergy,
    PhaseEnergy,
    Source,
    TrialEnergy,
)
from app.energy.tables import SHARE_KINDS
from app.settings import Settings
from autopq.energy import MJ_PER_WH, OVERHEAD
from autopq.energy.bands import error_mj
from autopq.energy.host_meter import PARTS, Parts
from autopq.presets import REFERENCE_FORECASTERS, REFERENCE_QUANTILE_MODEL, RESERVE

NO_FILTER = Filter()
_PAST_JOBS = 200  # more than enough to tell what a job takes, and quick to sum
_ALWAYS = ("audit", "prepare", OVERHEAD)  # phases that no budget cuts short
_TRIAL = ("attempt", "phase", "trial", "forecaster", "quantile_model", "training_method")


@dataclass(frozen=True, slots=True)
class Price:
    """Of a kWh of electricity."""

    per_kwh: float
    currency: str

    @classmethod
    def of(cls, settings: Settings) -> "Price":
        return cls(settings.electricity_price, settings.currency)


def of_job(session: ReadSession, job_id: str, price: Price) -> JobEnergy:
    rows = repository.of_job(session, job_id)

    def grouped(*names: str) -> list[dict[str, Any]]:
        return _grouped(rows, names, price)

    return JobEnergy(
        job_id=job_id,
        total=figures(rows, price),
        by_phase=[PhaseEnergy(**group) for group in grouped("phase")],
        by_trial=[TrialEnergy(**group) for group in grouped(*_TRIAL)],
        by_attempt=[AttemptEnergy(**group) for group in grouped("attempt")],
        by_training_method=[MethodEnergy(**group) for group in grouped("training_method")],
    )


def of_forecast(session: ReadSession, forecast_id: str, price: Price) -> Figures:
    return figures(repository.of_forecast(session, forecast_id), price)


def summary(
    session: ReadSession, group_by: GroupBy, price: Price, which: Filter = NO_FILTER
) -> EnergySummary:
    rows = repository.overall(session, group_by, which)
    return EnergySummary(
        group_by=group_by,
        total=figures(rows, price),
        groups=[EnergyGroup(**group) for group in _grouped(rows, ("key",), price)],
    )


def machines(session: ReadSession) -> MachinesEnergy:
    seconds = repository.machine_seconds(session)
    days: dict[tuple[str, str], dict[str, float]] = {}
    for row in repository.by_machine(session):
        parts = days.setdefault((str(row.day), row.host), dict.fromkeys(SHARE_KINDS, 0.0))
        parts[row.kind] += int(row.total_mj) / MJ_PER_WH
    return MachinesEnergy(
        days=[
            MachineEnergy(
                day=day,
                host=host,
                seconds=seconds[day, host],
                total_wh=sum(parts.values()),
                attempts_wh=parts["attempt"],
                forecasts_wh=parts["forecasts"],
                service_wh=parts["service"],
                rest_wh=parts["rest"],
            )
            for (day, host), parts in days.items()
        ]
    )


def this_month_wh(session: ReadSession) -> float:
    """Of all jobs and forecasts since the first day of this month, UTC."""
    first = now().date().replace(day=1)
    return repository.total_mj(session, Filter(since=first)) / MJ_PER_WH


def estimate_of(session: ReadSession, config: Mapping[str, Any], rows: int) -> Estimate:
    """Of a job with this config on a table of so many rows."""
    host = repository.newest_host(session)
    return estimate(config, rows, [] if host is None else _past(session, host))


def _past(session: ReadSession, host: str) -> list[Past]:
    """Jobs whose electricity is settled: what is settled later would change what they took."""
    jobs = {job.id: job for job in repository.succeeded_on(session, host, limit=_PAST_JOBS)}
    booked = repository.shares_of(session, list(jobs))
    took: dict[str, list[Row[Any]]] = {}
    for row in repository.of_trials(session, list(jobs)):
        if row.attempt == jobs[row.job_id].attempt:
            took.setdefault(row.job_id, []).append(row)
    found = []
    for job_id, rows in took.items():
        total_mj = sum(int(row.total_mj) for row in rows)
        if booked.get((job_id, jobs[job_id].attempt)) != total_mj:
            continue
        least = _least(rows)
        found.append(
            Past(
                config=jobs[job_id].config,
                rows=jobs[job_id].rows,
                energy_wh=total_mj / MJ_PER_WH,
                seconds=_duration(jobs[job_id]),
                minimum_wh=sum(int(row.total_mj) for row in least) / MJ_PER_WH,
                minimum_seconds=sum(float(row.seconds) for row in least),
            )
        )
    return found


def _least(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The rows of what a job does even if it has time for its references alone. Before their turn
    one of them is scored and calibrated to tell how long that takes: these come twice."""
    always = [
        row for row in rows if row.phase in _ALWAYS and not (row.trial or "").startswith(RESERVE)
    ]
    references = [
        row
        for row in rows
        if row.forecaster in REFERENCE_FORECASTERS
        and row.quantile_model in (None, REFERENCE_QUANTILE_MODEL)
    ]
    averaging = [row for row in rows if row.phase == "evaluate" and row.trial is None]
    scores = [row for row in references if row.phase == "evaluate"]
    dearest = sorted(scores, key=lambda row: -int(row.total_mj))[:1]
    # The forecasts that calibrating looks up are the winner's, and stand apart.
    calibrating = [row for row in rows if row.phase == "calibrate" and row.trial is None]
    return always + references + averaging + dearest + 2 * calibrating


def _duration(job: Row[Any]) -> float:
    """Seconds of the last attempt by the clock: rows of trials side by side cover it several
    times."""
    return float((job.ended_at - job.started_at).total_seconds())


def figures(rows: Iterable[Row[Any]], price: Price) -> Figures:
    return Figures.model_validate(_sum(list(rows), price))


def _grouped(rows: Sequence[Row[Any]], names: Sequence[str], price: Price) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[Row[Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, name) for name in names), []).append(row)
    return [
        dict(zip(names, keys, strict=True)) | _sum(members, price)
        for keys, members in groups.items()
    ]


def _sum(rows: Sequence[Row[Any]], price: Price) -> dict[str, Any]:
    parts = Parts.sum(_parts(row) for row in rows)
    total_wh = parts.total_mj / MJ_PER_WH
    band_wh = sum(_error_mj(row) for row in rows) / MJ_PER_WH
    sources = dict.fromkeys(tuple(getattr(row, name) for name in PROVENANCE) for row in rows)
    grams = sum(_parts(row).total_mj / MJ_PER_WH / 1000 * row.carbon_g_per_kwh for row in rows)
    return {
        **{name.replace("_mj", "_wh"): getattr(parts, name) / MJ_PER_WH for name in PARTS},
        "total_wh": total_wh,
        "total_mj": parts.total_mj,
        "low_wh": max(total_wh - band_wh, 0.0),
        "high_wh": total_wh + band_wh,
        "idle_share": parts.idle_mj / parts.total_mj if parts.total_mj else 0.0,
        "seconds": sum(row.seconds for row in rows),
        "kg_co2e": grams / 1000,
        "cost": total_wh / 1000 * price.per_kwh,
        "currency": price.currency,
        "measured": bool(rows) and all(row.measured for row in rows),
        "sources": [Source(**dict(zip(PROVENANCE, source, strict=True))) for source in sources],
    }


def _parts(row: Row[Any]) -> Parts:
    return Parts(*(int(getattr(row, name)) for name in PARTS))


def _error_mj(row: Row[Any]) -> float:
    return error_mj(
        _parts(row),
        cpu_method=row.cpu_method,
        gpu_method=row.gpu_method,
        ram_method=row.ram_method,
        attribution=row.attribution,
    )
