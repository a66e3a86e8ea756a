"""`/v1/timeseries/forecast`: KServe's open schema over our models."""

from fastapi import APIRouter

from app.compatibility import service
from app.compatibility.schemas import ForecastRequest, ForecastResponse
from app.core.context import Context
from app.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    documented,
)
from app.core.idempotency import OnceStreamed

router = APIRouter(prefix="/v1/timeseries", tags=["compatibility"])


@router.post(
    "/forecast",
    operation_id="forecast_timeseries",
    responses=documented(NotFoundError, ConflictError, TooLargeError, InvalidRequestError),
)
async def forecast_timeseries(
    request: ForecastRequest, context: Context, once: OnceStreamed
) -> ForecastResponse:
    """Forecast series that come with the request, by a fitted model or by the fast preset, and wait
    for the result up to a minute. Sent again under its `Idempotency-Key`, the request waits for the
    same job and forecast."""
    return await service.forecast(context, request, once)
