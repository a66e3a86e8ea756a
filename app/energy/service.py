"""Folds ledger sums into the views of the API."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row

from app.core.database import ReadSession
from app.energy import repository
from app.energy.repository import PROVENANCE, GroupBy
from app.energy.schemas import (
    AttemptEnergy,
    EnergyGroup,
    EnergySummary,
    Figures,
    JobEnergy,
    PhaseEnergy,
    Source,
    TrialEnergy,
)
from autopq.energy import MJ_PER_WH
from autopq.energy.bands import error_mj
from autopq.energy.host_meter import PARTS, Parts

_TRIAL = ("attempt", "phase", "trial", "forecaster", "quantile_model", "training_method")


def of_job(session: ReadSession, job_id: str) -> JobEnergy:
    rows = repository.of_job(session, job_id)
    return JobEnergy(
        job_id=job_id,
        total=figures(rows),
        by_phase=[PhaseEnergy(**keys, **sums) for keys, sums in _grouped(rows, "phase")],
        by_trial=[TrialEnergy(**keys, **sums) for keys, sums in _grouped(rows, *_TRIAL)],
        by_attempt=[AttemptEnergy(**keys, **sums) for keys, sums in _grouped(rows, "attempt")],
    )


def of_forecast(session: ReadSession, forecast_id: str) -> Figures:
    return figures(repository.of_forecast(session, forecast_id))


def summary(session: ReadSession, group_by: GroupBy) -> EnergySummary:
    rows = repository.overall(session, group_by)
    groups = [EnergyGroup(key=keys[group_by], **sums) for keys, sums in _grouped(rows, group_by)]
    return EnergySummary(group_by=group_by, total=figures(rows), groups=groups)


def figures(rows: Iterable[Row[Any]]) -> Figures:
    return Figures.model_validate(_sum(list(rows)))


def _grouped(rows: Sequence[Row[Any]], *names: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    groups: dict[tuple[Any, ...], list[Row[Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, name) for name in names), []).append(row)
    return [
        (dict(zip(names, keys, strict=True)), _sum(members)) for keys, members in groups.items()
    ]


def _sum(rows: Sequence[Row[Any]]) -> dict[str, Any]:
    parts = Parts.sum(_parts(row) for row in rows)
    total_wh = parts.total_mj / MJ_PER_WH
    band_wh = sum(_error_mj(row) for row in rows) / MJ_PER_WH
    sources = dict.fromkeys(tuple(getattr(row, name) for name in PROVENANCE) for row in rows)
    grams = sum(_parts(row).total_mj / MJ_PER_WH / 1000 * row.carbon_g_per_kwh for row in rows)
    return {
        **{name.replace("_mj", "_wh"): getattr(parts, name) / MJ_PER_WH for name in PARTS},
        "total_wh": total_wh,
        "low_wh": max(total_wh - band_wh, 0.0),
        "high_wh": total_wh + band_wh,
        "idle_share": parts.idle_mj / parts.total_mj if parts.total_mj else 0.0,
        "seconds": sum(row.seconds for row in rows),
        "kg_co2e": grams / 1000,
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
