"""Sums over the ledger and over the book of machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal_column, nulls_first, select
from sqlalchemy.orm import aliased

from app.core.database import ReadSession
from app.datasets.tables import DatasetVersionRow
from app.energy.tables import EnergyLedgerRow as Ledger
from app.energy.tables import HostEnergyRow as HostEnergy
from app.energy.tables import HostEnergyShareRow as HostShare
from app.forecasts.tables import ForecastRow
from app.jobs.tables import AttemptRow, JobRow
from app.models.tables import ModelRow
from autopq.energy.host_meter import PARTS, Parts

GroupBy = Literal["day", "dataset", "forecaster", "training_method", "preset", "job"]
GROUPINGS: tuple[GroupBy, ...] = get_args(GroupBy)

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

# A row is a job's own, or one of a forecast of the job's model.
_OfForecast = aliased(JobRow)
_JOB_ID = func.coalesce(JobRow.id, _OfForecast.id)
_DATASET = func.coalesce(JobRow.dataset_id, _OfForecast.dataset_id)
_PRESET = func.coalesce(
    JobRow.config["preset"].as_string(), _OfForecast.config["preset"].as_string()
)
_KEYS: dict[str, ColumnElement[Any]] = {
    "dataset": _DATASET,
    "preset": _PRESET,
    "job": _JOB_ID,
    **{name: getattr(Ledger, name) for name in ("day", "forecaster", "training_method")},
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows of the ledger count; None leaves all."""

    since: date | None = None  # the first day, UTC
    until: date | None = None  # the last day
    dataset: str | None = None
    forecaster: str | None = None
    training_method: str | None = None
    preset: str | None = None
    job: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found = [
            _KEYS[name] == getattr(self, name)
            for name in ("dataset", "forecaster", "training_method", "preset", "job")
            if getattr(self, name) is not None
        ]
        if self.since is not None:
            found.append(Ledger.day >= self.since.isoformat())
        if self.until is not None:
            found.append(Ledger.day <= self.until.isoformat())
        return found


def _sums(**keys: ColumnElement[Any]) -> Select[Any]:
    """Sums by the keys and by provenance, so that differently obtained figures stay apart."""
    groups = [column.label(name) for name, column in keys.items()]
    sources = [getattr(Ledger, name) for name in PROVENANCE]
    sums = [func.sum(getattr(Ledger, name)).label(name) for name in (*PARTS, "seconds")]
    # By label: PostgreSQL takes an expression with a parameter in it for another one each time.
    return select(*groups, *sources, *sums, func.min(Ledger.id).label("first")).group_by(
        *keys, *sources
    )


def of_job(session: ReadSession, job_id: str) -> Sequence[Row[Any]]:
    """Sums of a job by attempt, phase and trial, in the order they began."""
    names = ("attempt", "phase", "trial", "forecaster", "quantile_model", "training_method")
    query = _sums(**{name: getattr(Ledger, name) for name in names})
    return session.execute(query.where(Ledger.job_id == job_id).order_by("first")).all()


def of_forecast(session: ReadSession, forecast_id: str) -> Sequence[Row[Any]]:
    return session.execute(_sums().where(Ledger.forecast_id == forecast_id)).all()


def overall(session: ReadSession, group_by: GroupBy, which: Filter) -> Sequence[Row[Any]]:
    """Sums by `key`, in its order."""
    key = _KEYS[group_by]
    query = (
        _sums(key=key)
        .select_from(Ledger)
        .outerjoin(JobRow, JobRow.id == Ledger.job_id)
        .outerjoin(ForecastRow, ForecastRow.id == Ledger.forecast_id)
        .outerjoin(ModelRow, ModelRow.id == ForecastRow.model_id)
        .outerjoin(_OfForecast, _OfForecast.id == ModelRow.job_id)
        .where(*which.conditions())
        .order_by(nulls_first(literal_column("key")))
    )
    return session.execute(query).all()


def total_mj(session: ReadSession, which: Filter) -> int:
    """Of the rows on some days, without regard to what they were for."""
    sums = sum((getattr(Ledger, name) for name in PARTS[1:]), getattr(Ledger, PARTS[0]))
    query = select(func.coalesce(func.sum(sums), 0)).where(*which.conditions())
    return int(session.execute(query).scalar_one())


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


def by_machine(session: ReadSession) -> Sequence[Row[Any]]:
    """Sums of the book by day, host and kind of share, the newest day first."""
    day = func.date(HostEnergy.started_at)
    total = sum((getattr(HostShare, name) for name in PARTS[1:]), getattr(HostShare, PARTS[0]))
    query = (
        select(day.label("day"), HostEnergy.host, HostShare.kind, func.sum(total).label("total_mj"))
        .join(HostShare, HostShare.host_energy_id == HostEnergy.id)
        .group_by(day, HostEnergy.host, HostShare.kind)
        .order_by(day.desc(), HostEnergy.host)
    )
    return session.execute(query).all()


def machine_seconds(session: ReadSession) -> dict[tuple[str, str], float]:
    """How long each machine was metered, by day and host."""
    day = func.date(HostEnergy.started_at)
    query = select(day, HostEnergy.host, func.sum(HostEnergy.seconds)).group_by(
        day, HostEnergy.host
    )
    return {(str(day), host): float(seconds) for day, host, seconds in session.execute(query)}


def newest_host(session: ReadSession) -> str | None:
    """The machine that was metered last."""
    return session.scalar(select(HostEnergy.host).order_by(HostEnergy.id.desc()).limit(1))


def succeeded_on(session: ReadSession, host: str, *, limit: int) -> Sequence[Row[Any]]:
    """Newest jobs that succeeded on a machine, but those without a search: their config, the rows
    of their table, and when their last attempt began and ended."""
    there = (
        select(HostShare.job_id)
        .join(HostEnergy, HostEnergy.id == HostShare.host_energy_id)
        .where(HostEnergy.host == host, HostShare.job_id.is_not(None))
    )
    query = (
        select(
            JobRow.id,
            JobRow.attempt,
            JobRow.config,
            DatasetVersionRow.rows,
            AttemptRow.started_at,
            AttemptRow.ended_at,
        )
        .join(
            AttemptRow,
            and_(AttemptRow.job_id == JobRow.id, AttemptRow.number == JobRow.attempt),
        )
        .join(
            DatasetVersionRow,
            and_(
                DatasetVersionRow.dataset_id == JobRow.dataset_id,
                DatasetVersionRow.version == JobRow.dataset_version,
            ),
        )
        .where(JobRow.state == "succeeded", JobRow.update_of.is_(None), JobRow.id.in_(there))
        .order_by(JobRow.id.desc())
        .limit(limit)
    )
    return session.execute(query).all()


def shares_of(session: ReadSession, job_ids: Sequence[str]) -> dict[tuple[str, int], int]:
    """Millijoules that the book of machines has for jobs, by job and attempt."""
    total = sum((getattr(HostShare, name) for name in PARTS[1:]), getattr(HostShare, PARTS[0]))
    query = (
        select(HostShare.job_id, HostShare.attempt, func.sum(total))
        .where(HostShare.job_id.in_(job_ids))
        .group_by(HostShare.job_id, HostShare.attempt)
    )
    return {(job, attempt): int(found) for job, attempt, found in session.execute(query)}


def of_trials(session: ReadSession, job_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Energy and time of jobs by attempt, phase and trial, with what was tried."""
    keys = (
        Ledger.job_id,
        Ledger.attempt,
        Ledger.phase,
        Ledger.trial,
        Ledger.forecaster,
        Ledger.quantile_model,
    )
    total = sum((getattr(Ledger, name) for name in PARTS[1:]), getattr(Ledger, PARTS[0]))
    query = (
        select(*keys, func.sum(total).label("total_mj"), func.sum(Ledger.seconds).label("seconds"))
        .where(Ledger.job_id.in_(job_ids))
        .group_by(*keys)
    )
    return session.execute(query).all()
