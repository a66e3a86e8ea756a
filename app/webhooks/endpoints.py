"""`/v1/webhook-secret`, and what was told about a job."""

from fastapi import APIRouter, Response

from app.core.context import AdminContext, Context
from app.core.errors import ConflictError, InvalidRequestError, NotFoundError, documented
from app.core.idempotency import Once
from app.webhooks import service
from app.webhooks.schemas import Deliveries, WebhookSecret

router = APIRouter(prefix="/v1", tags=["webhooks"])


@router.post(
    "/webhook-secret",
    status_code=201,
    operation_id="renew_webhook_secret",
    responses=documented(ConflictError, InvalidRequestError),
)
def renew_webhook_secret(response: Response, context: AdminContext, once: Once) -> WebhookSecret:
    """Make the secret that signs the webhooks of the caller's tenant, in place of the one before.
    It is shown only now: sent again under its `Idempotency-Key`, the request makes no other, and is
    answered 409."""
    response.headers["Cache-Control"] = "no-store"
    return service.renew_secret(context, once)


@router.get(
    "/jobs/{job_id}/deliveries",
    operation_id="list_deliveries",
    responses=documented(NotFoundError),
)
def list_deliveries(job_id: str, context: Context) -> Deliveries:
    """The messages to a job's webhook, and how far they have come."""
    with context.read() as session:
        return service.deliveries(session, job_id)
