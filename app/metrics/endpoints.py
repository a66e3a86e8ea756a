"""`/metrics`, for whoever has the scope `metrics`."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.core.context import OperatorContext
from app.metrics.registry import Metrics

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def get_metrics(request: Request, _: OperatorContext) -> Response:
    """Requests, jobs, queues and electricity, over all tenants, as Prometheus reads them."""
    metrics = request.app.state.metrics
    assert isinstance(metrics, Metrics)
    return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
