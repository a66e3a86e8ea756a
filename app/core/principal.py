"""Who a request acts for, and what it may do."""

from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal[
    "read",  # see the tenant's datasets, jobs, models and forecasts
    "submit",  # make, change and delete them
    "admin",  # make and revoke the tenant's keys
    "metrics",  # see figures of the whole service, over all tenants
]
SCOPES: tuple[Scope, ...] = get_args(Scope)

DEFAULT_TENANT = "default"  # owns whatever is made while access is open


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a key, or, without a key, whoever may reach an open service."""

    tenant_id: str
    key_id: str | None
    scopes: frozenset[Scope]

    @property
    def account(self) -> str:
        """What rates and idempotency keys are counted by."""
        return self.key_id or self.tenant_id


ANYBODY = Principal(DEFAULT_TENANT, None, frozenset(SCOPES))
