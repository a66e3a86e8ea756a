"""Webhooks over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr

from app.core.bodies import RequestBody
from app.webhooks.signing import key_of
from app.webhooks.tables import DeliveryState

MIN_SECRET = 16


def _plain(url: HttpUrl) -> HttpUrl:
    if url.username or url.password:
        raise ValueError("an address with a user name or a password is not called")
    if url.fragment is not None:
        raise ValueError("an address with a fragment is not called")
    return url


def _usable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("use printable ASCII characters")
    if len(key_of(text)) < MIN_SECRET:
        raise ValueError(f"a secret has at least {MIN_SECRET} bytes")
    return secret


class WebhookCreate(RequestBody):
    """Where to tell a job's end, and what signs the message."""

    url: Annotated[HttpUrl, AfterValidator(_plain)] = Field(
        description="Gets a POST when the job has ended. Private addresses are refused unless the "
        "service allows them."
    )
    secret: Annotated[SecretStr, AfterValidator(_usable)] | None = Field(
        None,
        max_length=200,
        description="Signs the message, as Standard Webhooks has it; never shown again. The "
        "tenant's own secret by default.",
    )


class WebhookSecret(BaseModel):
    """The tenant's new secret, shown only now."""

    secret: str


class Delivery(BaseModel):
    """One message and how far it has come."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="The message's `webhook-id`; the same at every try.")
    kind: str = Field(examples=["job.succeeded"])
    state: DeliveryState
    tries: int
    created_at: datetime
    next_at: datetime = Field(description="When it is tried next, while it waits.")
    settled_at: datetime | None
    status: int | None = Field(description="What the receiver answered at the last try.")
    error: str | None = Field(description="Why the last try failed.")


class Deliveries(BaseModel):
    """What was told about a job."""

    job_id: str
    url: str
    deliveries: list[Delivery]
