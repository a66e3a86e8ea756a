"""Takes jobs in, shows them, and cancels them. It never runs one."""

from collections.abc import Sequence

from pydantic import ValidationError

from app.accounts import quotas
from app.backtests import repository as backtests
from app.core import ids
from app.core.clock import now
from app.core.context import RequestContext
from app.core.database import ReadSession
from app.core.errors import ConflictError, InvalidRequestError, invalid
from app.core.handlers import findings_of
from app.core.idempotency import Effect
from app.datasets import repository as versions
from app.datasets import service as datasets
from app.energy import limits
from app.forecasts import repository as forecasts
from app.jobs import repository, transitions
from app.jobs.schemas import Job, JobCreate, JobRerun, Links, ModelUpdate
from app.jobs.states import TERMINAL
from app.jobs.tables import JobRow, LeaderboardEntryRow
from app.models import repository as models
from app.webhooks import repository as webhook_rows
from app.webhooks import service as webhooks
from autopq.errors import InputError, Issue
from autopq.forecasters import registry as point_forecasters
from autopq.presets import effort
from autopq.quantiles import registry as quantile_models
from autopq.task import TaskConfig


def create(
    context: RequestContext,
    request: JobCreate,
    once: Effect,
    *,
    rerun_of: str | None = None,
    update_of: str | None = None,
) -> Job:
    """Audit the dataset under the config and queue the job. Raises NotFoundError, InputError,
    TooManyError."""
    _check_components(request.config)
    if request.webhook is not None:
        webhooks.check(context, request.webhook)
    if request.deadline is not None and request.deadline <= now():
        raise invalid("deadline", "it has passed already.", "Give a time to come, or none.")
    with context.read() as session:
        table = versions.version(session, request.dataset_id, request.dataset_version)
        version = table.version
        source = datasets.source_of(context.storage, session, request.dataset_id, version)
        config = request.config.model_dump(mode="json")
        limits.check(session, config, table.rows)
    audit = context.checks.audit(source, request.config)
    row = JobRow(
        id=ids.new("job"),
        dataset_id=request.dataset_id,
        dataset_version=version,
        model_name=request.model_name,
        config=config,
        audit=audit,
        state="queued",
        phase=None,
        progress=0.0,
        message="waiting for a worker",
        attempt=0,
        crashes=0,
        error=None,
        created_at=now(),
        trials=0,
        best=None,
        eta_seconds=None,
        account=context.principal.account,
        priority=request.priority,
        deadline=request.deadline,
        rerun_of=rerun_of,
        update_of=update_of,
    )
    url = None if request.webhook is None else str(request.webhook.url)
    with context.write() as session:
        quotas.one_at_a_time(context, session)
        quotas.check_queued_jobs(context, session)
        quotas.check_energy(context, session)
        versions.hold(session, request.dataset_id)  # may have been deleted meanwhile
        transitions.submit(session, row)
        if request.webhook is not None:
            webhooks.keep(session, row.id, request.webhook)
        job = _job(row, None, url)
        once.keep(session, job, status=202, location=job.links.self_)
    return job


def rerun(context: RequestContext, job_id: str, changes: JobRerun, once: Effect) -> Job:
    """Queue the job once more, with changed settings. Raises what `create` raises."""
    with context.read() as session:
        job = repository.get(session, job_id)
    if job.update_of is not None and changes.config:
        raise invalid("config", "an update has its model's settings.", "Start a job instead.")
    try:
        config = TaskConfig.model_validate({**job.config, **changes.config})
    except ValidationError as error:
        findings = findings_of(error.errors(), root=("body", "config"))
        first = findings[0]
        raise InvalidRequestError(f"{first.field}: {first.detail}", findings=findings) from error
    request = JobCreate(
        dataset_id=job.dataset_id,
        dataset_version=changes.dataset_version or job.dataset_version,
        model_name=job.model_name,
        config=config,
        priority=job.priority if changes.priority is None else changes.priority,
        deadline=changes.deadline,
        webhook=changes.webhook,
    )
    return create(context, request, once, rerun_of=job_id, update_of=job.update_of)


def update(context: RequestContext, reference: str, request: ModelUpdate, once: Effect) -> Job:
    """Queue a job that takes a model to newer rows of its dataset. Raises what `create` raises."""
    with context.read() as session:
        model = models.get(session, reference)
        job = models.job_of(session, model)
    unlimited = dict.fromkeys(("time_limit", "energy_limit_wh", "max_trials"))  # of a search
    asked = JobCreate(
        dataset_id=job.dataset_id,
        dataset_version=request.dataset_version,
        model_name=model.name,
        config=TaskConfig.model_validate(job.config | unlimited),
        priority=request.priority,
        deadline=request.deadline,
        webhook=request.webhook,
    )
    return create(context, asked, once, update_of=model.id)


def _check_components(config: TaskConfig) -> None:
    issues = [
        Issue(setting, f"'{name}' is unknown.", f"Use one of {', '.join(known)}.")
        for setting, asked, known in (
            ("forecasters", config.forecasters, point_forecasters.names()),
            ("quantile_models", config.quantile_models, quantile_models.names()),
        )
        for name in asked or ()
        if name not in known
    ]
    if issues:
        raise InputError(issues)
    effort(config)  # raises for training methods without a network to train


def view(session: ReadSession, row: JobRow) -> Job:
    return views(session, [row])[0]


def views(session: ReadSession, rows: Sequence[JobRow]) -> list[Job]:
    fitted = models.ids_of_jobs(session, [row.id for row in rows])
    told = webhook_rows.urls_of_jobs(session, [row.id for row in rows])
    return [_job(row, fitted.get(row.id), told.get(row.id)) for row in rows]


def cancel(context: RequestContext, job_id: str) -> Job:
    """Raises NotFoundError, ConflictError."""
    with context.write() as session:
        transitions.request_cancel(session, job_id, now())
        session.flush()
        return view(session, repository.get(session, job_id))


def delete(context: RequestContext, job_id: str) -> None:
    """Remove an ended job, its model and their files. Raises NotFoundError, ConflictError."""
    with context.write() as session:
        job = repository.hold(session, job_id)
        if job.state not in TERMINAL:
            raise ConflictError(f"The job is {job.state}; cancel it first.")
        model_id = models.ids_of_jobs(session, [job_id]).get(job_id)
        if model_id is not None:
            model = models.hold(session, model_id)
            user = forecasts.unfinished_of(session, model_id)
            if user is not None:
                raise ConflictError(f"'{user}' still uses the job's model; wait for its end.")
            models.remove(session, model, now())
        webhook_rows.remove(session, job_id)
        backtests.remove(session, job_id)
        repository.remove(session, job, now())
    # Models that a crash leaves here, the supervisor's sweep removes.
    context.storage.discard_job(job_id, job.attempt)


def leaderboard(session: ReadSession, job_id: str) -> list[LeaderboardEntryRow]:
    """Raises NotFoundError, and ConflictError while the job has not succeeded."""
    job = repository.get(session, job_id)
    if job.state != "succeeded":
        waiting = job.state in ("queued", "running")
        raise ConflictError(
            f"The job is {job.state}; only a job that succeeded has a leaderboard.",
            headers={"Retry-After": "2"} if waiting else None,
        )
    return list(repository.leaderboard(session, job_id))


def _job(row: JobRow, model_id: str | None, webhook: str | None) -> Job:
    here = f"/v1/jobs/{row.id}"
    model = f"/v1/models/{model_id}" if model_id else None
    return Job.model_validate(
        {
            **{name: getattr(row, name) for name in Job.model_fields if hasattr(row, name)},
            "model_id": model_id,
            "webhook": webhook,
            "links": Links.model_validate(
                {
                    "self": here,
                    "cancel": f"{here}/cancel",
                    "rerun": f"{here}/rerun",
                    "audit": f"{here}/audit",
                    "events": f"{here}/events",
                    "trials": f"{here}/trials",
                    "leaderboard": f"{here}/leaderboard",
                    "energy": f"{here}/energy",
                    "backtest": f"{here}/backtest" if row.config.get("backtest") else None,
                    "model": model,
                    "forecasts": f"{model}/forecasts" if model else None,
                }
            ),
        }
    )
