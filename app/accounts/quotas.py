"""What a tenant may have waiting and stored. Checked in the transaction that adds to it, after
`one_at_a_time`, so that requests at the same time cannot pass together."""

from app.accounts import repository
from app.accounts.schemas import Amount, Usage, Watthours
from app.core.context import RequestContext
from app.core.database import ReadSession, WriteSession
from app.core.errors import QuotaError, TooManyError
from app.datasets import repository as datasets
from app.energy import service as energy
from app.forecasts import repository as forecasts
from app.jobs import repository as jobs

_RETRY_S = "30"


def one_at_a_time(context: RequestContext, session: WriteSession) -> None:
    """Wait until no other request of the tenant is between its checks and its end."""
    repository.hold_tenant(session, context.principal.tenant_id)


def check_queued_jobs(context: RequestContext, session: ReadSession) -> None:
    """Raises TooManyError when no job more may wait."""
    _check_waiting("jobs", jobs.count_queued(session), context.settings.max_queued_jobs)


def check_queued_forecasts(context: RequestContext, session: ReadSession) -> None:
    """Raises TooManyError when no forecast more may wait."""
    limit = context.settings.max_queued_forecasts
    _check_waiting("forecasts", forecasts.count_queued(session), limit)


def check_room(context: RequestContext, session: ReadSession, size_bytes: int) -> None:
    """Raises QuotaError when a dataset of this size is too much."""
    used, limit = datasets.total_bytes(session), context.settings.max_dataset_bytes
    if used + size_bytes > limit:
        raise QuotaError(
            f"The datasets of this tenant have {used} of the {limit} bytes they may have, and this "
            f"one has {size_bytes}. Delete datasets that are no longer needed."
        )


def check_energy(context: RequestContext, session: ReadSession) -> None:
    """Raises QuotaError when this month's electricity is used up."""
    used, limit = energy.this_month_wh(session), context.settings.max_energy_wh_per_month
    if limit is not None and used >= limit:
        raise QuotaError(
            f"The jobs and forecasts of this tenant took {used:.3g} of the {limit:.3g} Wh they may "
            "take in a month. The next month begins on its first day, UTC."
        )


def usage(context: RequestContext) -> Usage:
    settings = context.settings
    with context.read() as session:
        return Usage(
            queued_jobs=Amount(used=jobs.count_queued(session), limit=settings.max_queued_jobs),
            queued_forecasts=Amount(
                used=forecasts.count_queued(session), limit=settings.max_queued_forecasts
            ),
            dataset_bytes=Amount(
                used=datasets.total_bytes(session), limit=settings.max_dataset_bytes
            ),
            energy_wh_this_month=Watthours(
                used=energy.this_month_wh(session), limit=settings.max_energy_wh_per_month
            ),
        )


def _check_waiting(what: str, waiting: int, limit: int) -> None:
    if waiting >= limit:
        raise TooManyError(
            f"{waiting} {what} of this tenant wait already; the limit is {limit}.",
            headers={"Retry-After": _RETRY_S},
        )
