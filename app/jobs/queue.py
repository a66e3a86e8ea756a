"""Which job is next.

Slots go to tenants in turn: to the one with the fewest jobs at work, and among those to the one
that has waited longest for a slot. A tenant's own jobs go by priority, then by age. Tenants and
keys at their limit wait.

A job for which there is no place now keeps its turn: smaller ones behind it would let it wait for
ever. One for which there never will be a place is passed over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import aliased

from app.accounts.tables import TenantRow
from app.core.database import ReadSession, WriteSession
from app.engine.base import Needs, Room
from app.jobs.states import AT_WORK
from app.jobs.tables import JobRow
from autopq.search.rungs import widest_round
from autopq.task import TaskConfig

_NEVER = datetime.min.replace(tzinfo=UTC)
_LOOK_AHEAD = 100  # jobs of a tenant that may wait for a place in vain before others are not seen


@dataclass(frozen=True)
class Limits:
    """Most jobs at work at the same time; None for as many as there are slots."""

    per_tenant: int | None = None
    per_key: int | None = None


UNLIMITED = Limits()


def anywhere(needs: Needs) -> Room:
    """Room for every job."""
    return "now"


def needs_of(job: JobRow | Row[Any]) -> Needs:
    """What a job takes beside its worker. One that updates a model searches nothing, and trains no
    network."""
    if job.update_of is not None:
        return Needs()
    try:
        task = TaskConfig.model_validate(job.config)
    except ValidationError:
        return Needs()  # of another version; the worker will say what is wrong with it
    return Needs(task.training_methods.most_ranks, widest_round(task))


def next_job(
    session: ReadSession, limits: Limits, room: Callable[[Needs], Room] = anywhere
) -> str | None:
    """The queued job to start now, or None while all have to wait. `room` tells of what a
    job needs whether it finds a place."""
    full = _full_accounts(session, limits.per_key)
    turns = session.execute(_WAITING).all()
    for turn in sorted(turns, key=lambda t: (t.at_work, t.last or _NEVER, t.tenant_id)):
        if limits.per_tenant is not None and turn.at_work >= limits.per_tenant:
            continue
        query = select(JobRow.id, JobRow.config, JobRow.update_of).where(
            JobRow.state == "queued", JobRow.tenant_id == turn.tenant_id
        )
        if full:
            query = query.where(JobRow.account.not_in(full))
        query = query.order_by(JobRow.priority.desc(), JobRow.id)
        if isinstance(session, WriteSession):
            # On PostgreSQL two that claim at once take different jobs, and neither waits.
            query = query.with_for_update(skip_locked=True)
        for skip, most in ((0, 1), (1, _LOOK_AHEAD)):  # the first is nearly always the one
            for job in session.execute(query.offset(skip).limit(most)):
                found = room(needs_of(job))
                if found != "never":
                    return job.id if found == "now" else None
    return None


def _waiting() -> Select[str, datetime | None, int]:
    """Tenants with jobs that wait: when one of theirs was last started, and how many are at work.
    Some looks into indices a tenant, however many jobs it has had; PostgreSQL would read all that
    wait if it were asked whether there are any, and not for the first."""
    started, queued, running = aliased(JobRow), aliased(JobRow), aliased(JobRow)
    last = select(func.max(started.started_at)).where(started.tenant_id == TenantRow.id)
    first = (
        select(queued.id)
        .where(queued.tenant_id == TenantRow.id, queued.state == "queued")
        .order_by(queued.priority.desc(), queued.id)
        .limit(1)
    )
    at_work = select(func.count()).where(
        running.tenant_id == TenantRow.id, running.state.in_(AT_WORK)
    )
    return select(
        TenantRow.id.label("tenant_id"),
        last.scalar_subquery().label("last"),
        at_work.scalar_subquery().label("at_work"),
    ).where(first.scalar_subquery().is_not(None))


_WAITING = _waiting()  # to put it together takes longer than to ask it


def _full_accounts(session: ReadSession, most: int | None) -> set[str]:
    """Who has `most` jobs at work."""
    if most is None:
        return set()
    query = (
        select(JobRow.account)
        .where(JobRow.state.in_(AT_WORK))
        .group_by(JobRow.account)
        .having(func.count() >= most)
    )
    return set(session.scalars(query))
