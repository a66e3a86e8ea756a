"""`/v1/models/{model_id}/updates`: jobs that take a model to newer rows."""

from fastapi import APIRouter, Response

from app.core.context import Context
from app.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    documented,
)
from app.core.idempotency import Once
from app.jobs import service
from app.jobs.endpoints import POLL_SECONDS
from app.jobs.schemas import Job, ModelUpdate
from app.models.endpoints import ModelReference

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.post(
    "/{model_id}/updates",
    status_code=202,
    operation_id="update_model",
    responses=documented(NotFoundError, ConflictError, TooLargeError, InvalidRequestError),
)
async def update_model(
    model_id: ModelReference, request: ModelUpdate, response: Response, context: Context, once: Once
) -> Job:
    """Queue a job that fits the model again on the newest rows of its dataset without searching
    anew. What comes of it is the next version of the model's name; its test scores are those of
    this model on the rows that it had not seen."""
    job = await context.with_checks(service.update, context, model_id, request, once)
    response.headers["Location"] = job.links.self_
    response.headers["Retry-After"] = POLL_SECONDS
    return job
