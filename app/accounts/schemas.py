"""Keys over HTTP."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.core.bodies import RequestBody
from app.core.instants import Instant
from app.core.principal import Scope


class KeyCreate(RequestBody):
    """A new key of the caller's tenant."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "nightly forecasts",
                    "scopes": ["read", "submit"],
                    "expires_at": "2027-12-31T00:00:00Z",
                }
            ]
        }
    )

    name: str = Field(min_length=1, max_length=100, description="What the key is for.")
    scopes: list[Scope] = Field(
        ["read", "submit"],
        min_length=1,
        max_length=4,
        description="What it may do: none that the caller's own key may not.",
    )
    expires_at: Instant | None = Field(None, description="Never, if null.")


class ApiKey(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="Kept to the minute.")


class NewApiKey(ApiKey):
    """A key just made."""

    key: str = Field(description="To send as `Authorization: Bearer …`; shown only now.")


class Amount(BaseModel):
    """How much there is, and how much there may be."""

    used: int
    limit: int


class Watthours(BaseModel):
    """Electricity there was, and how much there may be; null for no bound."""

    used: float
    limit: float | None


class Usage(BaseModel):
    """What the tenant has, against its quotas. More of electricity is under `/v1/energy`."""

    queued_jobs: Amount
    queued_forecasts: Amount
    dataset_bytes: Amount
    energy_wh_this_month: Watthours
