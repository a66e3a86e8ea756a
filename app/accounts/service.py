"""Makes, lists and revokes keys, and says whom a key speaks for."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.accounts import repository
from app.accounts.keys import Key
from app.accounts.schemas import ApiKey, KeyCreate, NewApiKey
from app.accounts.tables import ApiKeyRow, TenantRow
from app.core import ids
from app.core.clock import now
from app.core.database import WriteSession
from app.core.errors import ConflictError, ForbiddenError, Problem, invalid
from app.core.principal import Principal


def create_key(session: WriteSession, tenant_id: str, request: KeyCreate) -> NewApiKey:
    """Raises InvalidRequestError for an expiry that has passed."""
    if request.expires_at is not None and request.expires_at <= now():
        raise invalid("expires_at", "this time has passed.", "Give a time to come, or none.")
    key = Key.new()
    row = ApiKeyRow(
        id=key.id,
        tenant_id=tenant_id,
        name=request.name,
        digest=key.digest,
        scopes=" ".join(sorted(set(request.scopes))),
        created_at=now(),
        expires_at=request.expires_at,
        revoked_at=None,
        last_used_at=None,
    )
    repository.add_key(session, row)
    return NewApiKey.model_validate({**_fields(row), "key": str(key)})


def made_before(key_id: str) -> Problem:
    """What stands for a key's secret where its request comes again."""
    return ConflictError(
        f"This request made the key '{key_id}' before. Its secret was shown then and is kept "
        "nowhere: if it got lost, revoke the key and make one under another Idempotency-Key."
    ).problem("/v1/keys")


def check_grant(principal: Principal, request: KeyCreate) -> None:
    """A key gives no more than it has. Raises ForbiddenError."""
    beyond = sorted(set(request.scopes) - principal.scopes)
    if beyond:
        raise ForbiddenError(
            f"This key lacks the scope '{beyond[0]}' itself and cannot give it to another."
        )


def tenant_named(session: WriteSession, name: str) -> TenantRow:
    """The tenant of that name, made if there is none."""
    row = repository.tenant_by_name(session, name)
    if row is None:
        row = TenantRow(id=ids.new("tenant"), name=name, created_at=now())
        repository.add_tenant(session, row)
    return row


def revoke(session: WriteSession, key_id: str) -> ApiKey:
    """Doing it again is no error. Raises NotFoundError."""
    row = repository.get_key(session, key_id)
    row.revoked_at = row.revoked_at or now()
    return view(row)


def bearer(
    connection: Connection, text: str, at: datetime
) -> tuple[Principal, datetime | None] | None:
    """Whom a key speaks for and until when; None for a key that is unknown, revoked or expired."""
    key = Key.parse(text)
    row = None if key is None else repository.find_key(connection, key.id)
    if key is None or not key.matches(None if row is None else row.digest) or row is None:
        return None
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
        return None
    return Principal(row.tenant_id, row.id, frozenset(row.scopes.split())), row.expires_at


def view(row: ApiKeyRow) -> ApiKey:
    return ApiKey.model_validate(_fields(row))


def _fields(row: ApiKeyRow) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in ApiKey.model_fields}
    return {**found, "scopes": row.scopes.split()}
