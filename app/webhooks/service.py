"""Takes in where a job's end is to be told."""

from ipaddress import ip_address

from app.accounts import repository as accounts
from app.core import ids
from app.core.clock import now
from app.core.context import RequestContext
from app.core.database import ReadSession, WriteSession
from app.core.errors import ConflictError, NotFoundError, invalid
from app.core.idempotency import Effect
from app.webhooks import repository, signing
from app.webhooks.addresses import is_public
from app.webhooks.schemas import Deliveries, Delivery, WebhookCreate, WebhookSecret
from app.webhooks.tables import WebhookRow, WebhookSecretRow

# What stands for the secret where its request comes again.
_RENEWED = ConflictError(
    "This request made a secret before, which was shown then: if it got lost, make one under "
    "another Idempotency-Key."
).problem("/v1/webhook-secret")


def check(context: RequestContext, webhook: WebhookCreate) -> None:
    """Raises a 422 for a private address, and where there is no secret to sign with. Names are
    resolved when the message is sent."""
    host = (webhook.url.host or "").strip("[]")
    if not context.settings.webhook_allow_private and _is_private(host):
        raise invalid(
            "webhook.url", f"{host} is not a public address.", "Give a receiver on the internet."
        )
    if webhook.secret is None:
        with context.read() as session:
            if repository.secret_of_tenant(session, context.principal.tenant_id) is None:
                raise invalid(
                    "webhook.secret",
                    "there is nothing to sign the message with.",
                    "Give a `secret`, or make one for all jobs: POST /v1/webhook-secret.",
                )


def _is_private(host: str) -> bool:
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def keep(session: WriteSession, job_id: str, webhook: WebhookCreate) -> None:
    """In the transaction that creates the job."""
    secret = None if webhook.secret is None else webhook.secret.get_secret_value()
    session.add(WebhookRow(job_id=job_id, url=str(webhook.url), secret=secret))


def renew_secret(context: RequestContext, once: Effect) -> WebhookSecret:
    """Make the tenant's secret; messages from now on are signed with it."""
    secret = signing.new_secret()
    with context.write() as session:
        accounts.hold_tenant(session, context.principal.tenant_id)
        row = repository.secret_of_tenant(session, context.principal.tenant_id)
        if row is None:
            row = WebhookSecretRow(id=ids.new("whs"))
            session.add(row)
        row.secret, row.created_at = secret, now()
        once.keep(session, _RENEWED, status=409, location="")
    return WebhookSecret(secret=secret)


def deliveries(session: ReadSession, job_id: str) -> Deliveries:
    """Raises NotFoundError for a job without a webhook."""
    webhook = repository.of_job(session, job_id)
    if webhook is None:
        raise NotFoundError(f"There is no job '{job_id}' with a webhook.")
    rows = repository.deliveries(session, job_id)
    return Deliveries(
        job_id=job_id, url=webhook.url, deliveries=[Delivery.model_validate(row) for row in rows]
    )
