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
    parts = {
        name: sum(getattr(row, f"{name}_mj") for row in rows) for name in ("cpu", "gpu", "ram")
    }
    sources = dict.fromkeys(tuple(getattr(row, name) for name in PROVENANCE) for row in rows)
    grams = sum(
        (row.cpu_mj + row.gpu_mj + row.ram_mj) / MJ_PER_WH / 1000 * row.carbon_g_per_kwh
        for row in rows
    )
    return {
        **{f"{name}_wh": millijoules / MJ_PER_WH for name, millijoules in parts.items()},
        "total_wh": sum(parts.values()) / MJ_PER_WH,
        "seconds": sum(row.seconds for row in rows),
        "kg_co2e": grams / 1000,
        "measured": bool(rows) and all(row.measured for row in rows),
        "sources": [Source(**dict(zip(PROVENANCE, source, strict=True))) for source in sources],
    }
