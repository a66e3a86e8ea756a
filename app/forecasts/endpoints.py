"""`/v1/models/{id}/forecasts` and `/v1/forecasts`."""

from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, NamedTuple

import pandas as pd
from fastapi import APIRouter, Query, Request, Response
from pydantic_core import to_json

from app.core.byte_cache import Asked, Rendered
from app.core.clock import now
from app.core.context import Context
from app.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotAcceptableError,
    NotFoundError,
    TooLargeError,
    documented,
)
from app.core.idempotency import Once
from app.core.pagination import Cursor, Limit, Page, decode_cursor, encode_cursor, split_page
from app.core.representation import (
    CONDITIONAL,
    Fields,
    chosen,
    is_known,
    not_modified,
    representation,
    tag_of,
)
from app.energy import service as energy
from app.forecasts import export, repository, service
from app.forecasts.negotiation import (
    Accept,
    AskedFormat,
    Format,
    Items,
    Levels,
    chosen_format,
    chosen_items,
    chosen_levels,
    file_of,
    rendered,
)
from app.forecasts.schemas import (
    AggregateTable,
    ForecastCreate,
    ForecastStatus,
    Measure,
    PathTable,
    QuantileTable,
    Window,
)
from app.forecasts.states import ForecastState
from app.forecasts.tables import ForecastRow
from app.models import repository as models
from app.models.endpoints import ModelReference
from autopq.aggregates import aggregate
from autopq.task import TaskConfig

router = APIRouter(prefix="/v1", tags=["forecasts"])

_SETTLED = timedelta(seconds=10)
_READ_ERRORS = documented(NotFoundError, NotAcceptableError, ConflictError, InvalidRequestError)


@router.post(
    "/models/{model_id}/forecasts",
    status_code=202,
    operation_id="create_forecast",
    responses=documented(NotFoundError, ConflictError, TooLargeError, InvalidRequestError),
)
async def create_forecast(
    model_id: ModelReference,
    request: ForecastCreate,
    response: Response,
    context: Context,
    once: Once,
) -> ForecastStatus:
    """Forecast with a fitted model, from new rows if given. Nothing is trained again."""
    row = await context.with_checks(service.create, context, model_id, request, once)
    response.headers["Location"] = f"/v1/forecasts/{row.id}"
    response.headers["Retry-After"] = "1"
    return _status(row)


@router.get(
    "/forecasts",
    operation_id="list_forecasts",
    response_model=Page[ForecastStatus],
    responses=CONDITIONAL | documented(InvalidRequestError),
)
def list_forecasts(
    request: Request,
    context: Context,
    model_id: Annotated[str | None, Query(max_length=64)] = None,
    state: ForecastState | None = None,
    fields: Fields = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """Forecasts that were asked for, newest first; of one model or state if asked."""
    after = decode_cursor(cursor)
    with context.read() as session:
        found = repository.newest(
            session, limit=limit + 1, after=after, model_id=model_id, state=state
        )
    rows, more = split_page(found, limit)
    page = Page[ForecastStatus](
        items=[_status(row) for row in rows],
        next_cursor=encode_cursor(rows[-1].id) if more else None,
    )
    return representation(request, page, fields)


@router.delete(
    "/forecasts/{forecast_id}",
    status_code=204,
    operation_id="delete_forecast",
    responses=documented(NotFoundError, ConflictError),
)
def delete_forecast(forecast_id: str, context: Context) -> None:
    """Remove a finished forecast and its files."""
    service.delete(context, forecast_id)


@router.get(
    "/forecasts/{forecast_id}/status",
    operation_id="get_forecast_status",
    responses=documented(NotFoundError),
)
def get_forecast_status(forecast_id: str, context: Context) -> ForecastStatus:
    """State of a forecast, and why it failed if it did."""
    with context.read() as session:
        return _status(repository.get(session, forecast_id))


@router.get(
    "/forecasts/{forecast_id}",
    operation_id="get_forecast",
    response_model=None,
    responses=rendered(QuantileTable) | CONDITIONAL | _READ_ERRORS,
)
def get_forecast(
    request: Request,
    forecast_id: str,
    context: Context,
    quantile_levels: Levels = None,
    items: Items = None,
    fields: Fields = None,
    asked: AskedFormat = None,
    accept: Accept = "*/*",
) -> Response:
    """Quantiles at any levels, as JSON columns, CSV, Parquet or Arrow (`format`, or `Accept`)."""
    form = chosen_format(asked, accept)
    shown = None if fields is None else chosen(QuantileTable, fields)
    kept, since = Asked.of(request.scope, context.principal.tenant_id), context.rendered.now()
    with context.read() as session:
        try:
            row = service.finished(context, session, forecast_id)
        except NotFoundError:
            if kept is not None:
                context.rendered.drop(kept)
            raise
        # A finished forecast never changes, but for electricity that is told late.
        known = None if kept is None else context.rendered.get(kept)
        if kept is not None and known is not None:
            context.rendered.confirm(kept, since)
            return _again(request, known)
        config = TaskConfig.model_validate(models.made_it(session, row.model_id).config)
        figures = energy.of_forecast(session, row.id, energy.Price.of(context.settings))
    levels = chosen_levels(quantile_levels, config.quantile_levels)

    def table() -> _Table:
        forecast = chosen_items(service.load(context, row), items)
        about = {
            "id": row.id,
            "model_id": row.model_id,
            "state": row.state,
            "target": forecast.target,
            "quantile_levels": levels,
            "energy": figures.model_dump(),
            "fallbacks": [asdict(fallback) for fallback in forecast.fallbacks],
        }
        return _Table(
            about,
            partial(forecast.to_frame, levels),
            partial(export.quantile_columns, forecast, levels),
        )

    answer = _answer(request, row, form, table, ("quantiles", levels, items), shown)
    settled = row.finished_at is not None and now() - row.finished_at > _SETTLED
    if kept is not None and settled and answer.status_code == 200:
        made = Rendered(bytes(answer.body), dict(answer.headers), request.scope["route"].path)
        context.rendered.put(kept, made, since)
    return answer


@router.get(
    "/forecasts/{forecast_id}/paths",
    operation_id="get_forecast_paths",
    response_model=None,
    responses=rendered(PathTable) | CONDITIONAL | _READ_ERRORS,
)
def get_forecast_paths(
    request: Request,
    forecast_id: str,
    context: Context,
    items: Items = None,
    asked: AskedFormat = None,
    accept: Accept = "*/*",
) -> Response:
    """Joint sample paths; as CSV, Parquet or Arrow a long table `item_id, timestamp, path,
    value`."""
    form = chosen_format(asked, accept)
    with context.read() as session:
        row = service.finished(context, session, forecast_id)
    tag = tag_of(row.id, row.attempt, "paths", form, items)
    if is_known(request, tag):
        return not_modified(tag)
    forecast = chosen_items(service.load(context, row, paths=True), items)
    if form == "json":
        content = to_json({"id": row.id, **export.path_table(forecast)})
    else:
        content = export.WRITERS[form](export.path_columns(forecast))
    return file_of(content, form, f"{row.id}-paths", tag)


@router.get(
    "/forecasts/{forecast_id}/aggregates",
    operation_id="get_forecast_aggregates",
    response_model=None,
    responses=rendered(AggregateTable) | CONDITIONAL | _READ_ERRORS,
)
def get_forecast_aggregates(
    request: Request,
    forecast_id: str,
    context: Context,
    measure: Annotated[
        Measure,
        Query(description="`max` is the peak, `ramp` the largest change between two steps."),
    ] = "sum",
    window: Annotated[Window, Query(description="Local calendar day, or the horizon.")] = "day",
    quantile_levels: Levels = None,
    items: Items = None,
    asked: AskedFormat = None,
    accept: Accept = "*/*",
) -> Response:
    """Quantiles of a sum, peak or ramp, from the sample paths: they know how steps move
    together."""
    form = chosen_format(asked, accept)
    with context.read() as session:
        row = service.finished(context, session, forecast_id)
        config = TaskConfig.model_validate(models.made_it(session, row.model_id).config)
    levels = chosen_levels(quantile_levels, config.quantile_levels)

    def table() -> _Table:
        forecast = chosen_items(service.load(context, row, paths=True), items)
        about = {
            "id": row.id,
            "model_id": row.model_id,
            "target": forecast.target,
            "measure": measure,
            "window": window,
            "paths": row.paths,
            "quantile_levels": levels,
        }
        frame = aggregate(forecast, measure, window).to_frame(levels)
        return _Table(about, lambda: frame, partial(export.columns, frame))

    return _answer(request, row, form, table, (measure, window, levels, items))


class _Table(NamedTuple):
    """A table to send: what is said of it in JSON, and its content in either form."""

    about: dict[str, Any]
    frame: Callable[[], pd.DataFrame]
    columns: Callable[[], dict[str, list[Any]]]


def _answer(
    request: Request,
    row: ForecastRow,
    form: Format,
    table: Callable[[], _Table],
    asked: tuple[object, ...],
    shown: Collection[str] | None = None,
) -> Response:
    """The table in the form asked for. A finished forecast never changes, so what was asked of
    which attempt tells answers apart before anything is read."""
    tag = tag_of(row.id, row.attempt, form, *asked, shown and sorted(shown))
    if is_known(request, tag):
        return not_modified(tag)
    made = table()
    if form != "json":
        return file_of(export.WRITERS[form](made.frame()), form, row.id, tag)
    document = {**made.about, "columns": made.columns()}
    if shown is not None:
        document = {name: value for name, value in document.items() if name in shown}
    return file_of(to_json(document), form, row.id, tag)


def _again(request: Request, known: Rendered) -> Response:
    if is_known(request, known.tag):
        return not_modified(known.tag)
    return Response(known.content, headers=known.headers)


def _status(row: ForecastRow) -> ForecastStatus:
    return ForecastStatus.model_validate(row, from_attributes=True)
