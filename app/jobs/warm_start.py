"""Settings that did best in a tenant's earlier jobs on similar data."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import select

from app.core.database import ReadSession
from app.jobs.tables import JobRow, TrialRow
from autopq.search.store import WarmStart

# Jobs looked through, the newest first, and those whose settings are taken.
_LOOKED_THROUGH = 100
_TAKEN = 3
# What makes forecasting tasks alike beside the data set itself.
_TASK = ("target", "horizon", "delivery_day", "freq", "lead_time")


def known_settings(session: ReadSession, job: JobRow) -> list[WarmStart]:
    """The best setting of each component in up to three earlier jobs of the job's tenant: those on
    the same data set first, then those whose target, horizon and covariates have the same names.
    """
    query = (
        select(JobRow)
        .where(
            JobRow.tenant_id == job.tenant_id,
            JobRow.state == "succeeded",
            JobRow.deleted_at.is_(None),
            JobRow.id < job.id,
        )
        .order_by(JobRow.id.desc())
        .limit(_LOOKED_THROUGH)
    )
    earlier = session.scalars(query).all()
    same = [other for other in earlier if other.dataset_id == job.dataset_id]
    alike = [other for other in earlier if other not in same and _alike(other.config, job.config)]
    searched = (found for other in (*same, *alike) if (found := _best_of(session, other)))
    return [setting for found in islice(searched, _TAKEN) for setting in found]


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    covariates = [set(config.get("known_covariates") or ()) for config in (one, other)]
    same_task = all(one.get(name) == other.get(name) for name in _TASK)
    return same_task and covariates[0] == covariates[1]


def _best_of(session: ReadSession, job: JobRow) -> Sequence[WarmStart]:
    """Of each component whose settings the job searched."""
    query = select(TrialRow).where(
        TrialRow.job_id == job.id, TrialRow.phase == "select", TrialRow.score.is_not(None)
    )
    best: dict[str, TrialRow] = {}
    for trial in session.scalars(query):
        component, _, number = trial.name.partition("#")
        if not number.isdigit():
            continue
        if component not in best or _score(trial) < _score(best[component]):
            best[component] = trial
    return [WarmStart(name, trial.params, job.id) for name, trial in sorted(best.items())]


def _score(trial: TrialRow) -> float:
    assert trial.score is not None
    return trial.score
