"""`/v1/models/{id}/forecasts` and `/v1/forecasts`."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse

from app.core.context import Context
from app.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotAcceptableError,
    NotFoundError,
    TooLargeError,
    documented,
    invalid,
)
from app.energy import service as energy
from app.forecasts import export, repository, service
from app.forecasts.schemas import (
    ForecastCreate,
    ForecastStatus,
    Format,
    PathTable,
    QuantileTable,
)
from app.forecasts.tables import ForecastRow
from app.models import repository as models
from autopq.task import MAX_LEVELS, TaskConfig

router = APIRouter(prefix="/v1", tags=["forecasts"])

CSV_TYPE = "text/csv"
PARQUET_TYPE = "application/vnd.apache.parquet"
_FORMATS: dict[str, Format] = {
    "application/json": "json",
    "*/*": "json",
    "application/*": "json",
    CSV_TYPE: "csv",
    "text/*": "csv",
    PARQUET_TYPE: "parquet",
}
_RENDERINGS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": QuantileTable,
        "content": {
            CSV_TYPE: {"schema": {"type": "string"}},
            PARQUET_TYPE: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

Levels = Annotated[
    str | None,
    Query(
        description=f"Up to {MAX_LEVELS} levels in (0, 1), separated by commas; the job's "
        "`quantile_levels` by default.",
        examples=["0.05,0.5,0.95"],
    ),
]


@router.post(
    "/models/{model_id}/forecasts",
    status_code=202,
    operation_id="create_forecast",
    responses=documented(NotFoundError, TooLargeError, InvalidRequestError),
)
async def create_forecast(
    model_id: str, request: ForecastCreate, response: Response, context: Context
) -> ForecastStatus:
    """Forecast with a fitted model, from new rows if given. Nothing is trained again."""
    row = await context.with_checks(service.create, context, model_id, request)
    response.headers["Location"] = f"/v1/forecasts/{row.id}"
    response.headers["Retry-After"] = "1"
    return _status(row)


@router.get(
    "/forecasts/{forecast_id}/status",
    operation_id="get_forecast_status",
    responses=documented(NotFoundError),
)
def get_forecast_status(forecast_id: str, context: Context) -> ForecastStatus:
    """State of a forecast, and why it failed if it did."""
    with context.database.read() as session:
        return _status(repository.get(session, forecast_id))


@router.get(
    "/forecasts/{forecast_id}",
    operation_id="get_forecast",
    response_model=None,
    responses={
        **_RENDERINGS,
        **documented(NotFoundError, NotAcceptableError, ConflictError, InvalidRequestError),
    },
)
def get_forecast(
    forecast_id: str,
    context: Context,
    quantile_levels: Levels = None,
    format: Format | None = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "*/*",
) -> Response:
    """Quantiles at any levels, as JSON columns, CSV or Parquet (`format`, or `Accept`)."""
    chosen = format or _accepted(accept)
    asked = None if quantile_levels is None else _levels(quantile_levels)
    with context.database.read() as session:
        row = service.finished(context, session, forecast_id)
        config = TaskConfig.model_validate(models.get(session, row.model_id).config)
        figures = energy.of_forecast(session, row.id)
    forecast = service.load(context, row)
    levels = _distinct(config.quantile_levels) if asked is None else asked
    frame = forecast.to_frame(levels)
    if chosen == "csv":
        return _file(export.csv(frame), CSV_TYPE, f"{row.id}.csv")
    if chosen == "parquet":
        return _file(export.parquet(frame), PARQUET_TYPE, f"{row.id}.parquet")
    return JSONResponse(
        {
            "id": row.id,
            "model_id": row.model_id,
            "state": row.state,
            "target": forecast.target,
            "quantile_levels": levels,
            "columns": export.columns(frame),
            "energy": figures.model_dump(),
        }
    )


@router.get(
    "/forecasts/{forecast_id}/paths",
    operation_id="get_forecast_paths",
    responses=documented(NotFoundError, ConflictError),
)
def get_forecast_paths(forecast_id: str, context: Context) -> PathTable:
    """Joint sample paths; quantiles of sums and peaks come from these."""
    with context.database.read() as session:
        row = service.finished(context, session, forecast_id)
    forecast = service.load(context, row, paths=True)
    return PathTable(id=row.id, **export.path_table(forecast))


def _levels(text: str) -> list[float]:
    field, mend = "quantile_levels", "Give numbers between 0 and 1, such as 0.1,0.5,0.9."
    parts = [part for part in text.split(",") if part.strip()]
    if not 1 <= len(parts) <= MAX_LEVELS:
        raise invalid(
            field, f"{len(parts)} levels were given.", f"Give between 1 and {MAX_LEVELS} levels."
        )
    try:
        levels = _distinct(float(part) for part in parts)
    except ValueError as error:
        raise invalid(field, "a level is not a number.", mend) from error
    outside = [level for level in levels if not 0 < level < 1]
    if outside:
        raise invalid(field, f"level {outside[0]:g} is outside (0, 1).", mend)
    return levels


def _distinct(levels: Iterable[float]) -> list[float]:
    """Ascending levels of six significant digits, which is what columns are named by."""
    return sorted({float(f"{level:g}") for level in levels})


def _accepted(header: str) -> Format:
    """The first format of the `Accept` header that is offered."""
    for part in header.split(","):
        media_type = part.split(";")[0].strip().lower()
        if media_type in _FORMATS:
            return _FORMATS[media_type]
    raise NotAcceptableError(f"None of '{header}' is offered; JSON, CSV and Parquet are.")


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


def _status(row: ForecastRow) -> ForecastStatus:
    return ForecastStatus.model_validate(row, from_attributes=True)
