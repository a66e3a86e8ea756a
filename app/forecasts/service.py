"""Takes forecast requests in and reads finished forecasts. It loads no model."""

import json
from typing import Any

from app.accounts import quotas
from app.checks.sources import INLINE_MEDIA_TYPE, TableSource
from app.core import ids
from app.core.clock import now
from app.core.context import RequestContext
from app.core.database import ReadSession
from app.core.errors import ConflictError, Problem, invalid
from app.core.idempotency import Effect
from app.core.storage import INLINE_ROLES, Storage
from app.datasets import repository as datasets
from app.datasets.references import TableReference
from app.forecasts import repository
from app.forecasts.schemas import ForecastCreate, ForecastStatus
from app.forecasts.tables import ForecastRow
from app.models import repository as models
from app.settings import Settings
from autopq.forecast import Forecast

HISTORY, FUTURE = INLINE_ROLES


def create(
    context: RequestContext, model_id: str, request: ForecastCreate, once: Effect
) -> ForecastRow:
    """Check the rows against the model and queue the forecast. Raises NotFoundError, InputError
    and InvalidRequestError."""
    forecast_id = ids.new("fc")
    try:
        return _create(context, forecast_id, model_id, request, once)
    except BaseException:
        context.storage.discard_forecast(forecast_id, attempts=0)
        raise


def _create(
    context: RequestContext,
    forecast_id: str,
    model_id: str,
    request: ForecastCreate,
    once: Effect,
) -> ForecastRow:
    storage = context.storage
    with context.read() as session:
        model = models.get(session, model_id)
        history = _keep(storage, session, forecast_id, HISTORY, request.history)
        future = _keep(storage, session, forecast_id, FUTURE, request.future_covariates)
    row = ForecastRow(
        id=forecast_id,
        model_id=model.id,
        history=history,
        future_covariates=future,
        paths=request.paths,
        state="queued",
        attempt=0,
        crashes=0,
        error=None,
        created_at=now(),
    )
    sources = {
        "history": source_of(storage, forecast_id, HISTORY, history),
        "future": source_of(storage, forecast_id, FUTURE, future),
    }
    checked = context.checks.run(
        "forecast",
        model=str(storage.bring(storage.attempt_model(model.job_id, model.attempt))),
        **{name: source and source.as_dict() for name, source in sources.items()},
    )
    _check_size(request.paths, checked["series"], model.config["horizon"], context.settings)
    with context.write() as session:
        quotas.one_at_a_time(context, session)
        quotas.check_queued_forecasts(context, session)
        quotas.check_energy(context, session)
        models.hold(session, model.id)  # may have been deleted meanwhile
        repository.add(session, row)
        status = ForecastStatus.model_validate(row, from_attributes=True)
        once.keep(session, status, status=202, location=f"/v1/forecasts/{row.id}")
    return row


def _check_size(paths: int, series: int, horizon: int, settings: Settings) -> None:
    """All paths are drawn, kept and sent as one piece."""
    limit = settings.max_forecast_values
    values = paths * series * horizon
    if values > limit:
        most = limit // (series * horizon)
        raise invalid(
            "paths",
            f"{paths} paths × {series} series × {horizon} steps are {values} values; "
            f"the limit is {limit}.",
            f"Ask for at most {most} paths, or send the history of fewer series."
            if most
            else "Send the history of fewer series.",
        )


def _keep(
    storage: Storage,
    session: ReadSession,
    forecast_id: str,
    role: str,
    reference: TableReference | None,
) -> dict[str, Any] | None:
    """What the row remembers of a table; inline columns go to a file."""
    if reference is None:
        return None
    if reference.dataset_id is not None:
        table = datasets.version(session, reference.dataset_id, reference.version)
        return {
            "dataset_id": table.dataset_id,
            "version": table.version,
            "media_type": table.media_type,
        }
    path = storage.inline_table(forecast_id, role)
    path.write_text(json.dumps({"columns": reference.columns}), encoding="utf-8")
    storage.publish(path)
    return {"media_type": INLINE_MEDIA_TYPE}


def source_of(
    storage: Storage, forecast_id: str, role: str, kept: dict[str, Any] | None
) -> TableSource | None:
    """The table behind what a row remembers."""
    if kept is None:
        return None
    dataset_id = kept.get("dataset_id")
    path = (
        storage.dataset(dataset_id, kept.get("version", 1))
        if dataset_id
        else storage.inline_table(forecast_id, role)
    )
    return TableSource(storage.bring(path), kept["media_type"])


def finished(context: RequestContext, session: ReadSession, forecast_id: str) -> ForecastRow:
    """The forecast's row. Raises NotFoundError, and ConflictError while there is nothing to read
    and after a failure."""
    row = repository.get(session, forecast_id)
    if row.state == "failed":
        problem = Problem.model_validate(row.error)
        raise ConflictError(f"The forecast failed. {problem.detail}", findings=problem.errors)
    if row.state != "succeeded":
        raise ConflictError(f"The forecast is {row.state}.", headers={"Retry-After": "1"})
    return row


def delete(context: RequestContext, forecast_id: str) -> None:
    """Forget a forecast and remove its files. Raises NotFoundError, ConflictError."""
    with context.write() as session:
        row = repository.hold(session, forecast_id)
        if row.state in ("queued", "running"):
            raise ConflictError(f"The forecast is {row.state}.", headers={"Retry-After": "1"})
        repository.delete(session, row, now())
    context.rendered.forget(context.principal.tenant_id, f"/v1/forecasts/{forecast_id}")
    context.storage.discard_forecast(forecast_id, row.attempt)


def load(context: RequestContext, row: ForecastRow, *, paths: bool = False) -> Forecast:
    path = context.storage.bring(context.storage.forecast(row.id, row.attempt))
    return Forecast.load(path, paths=paths)
