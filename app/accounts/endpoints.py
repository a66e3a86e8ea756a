"""`/v1/keys`, for whoever has the scope `admin`, and `/v1/usage`."""

from fastapi import APIRouter, Response

from app.accounts import quotas, repository, service
from app.accounts.schemas import ApiKey, KeyCreate, NewApiKey, Usage
from app.core.context import AdminContext, Context
from app.core.errors import ConflictError, InvalidRequestError, NotFoundError, documented
from app.core.idempotency import Once
from app.core.pagination import Cursor, Limit, Page, decode_cursor, encode_cursor, split_page

router = APIRouter(prefix="/v1", tags=["accounts"])


@router.get("/usage", operation_id="get_usage")
def get_usage(context: Context) -> Usage:
    """What the tenant has waiting and stored, against what it may have."""
    return quotas.usage(context)


@router.post(
    "/keys",
    status_code=201,
    operation_id="create_key",
    responses=documented(ConflictError, InvalidRequestError),
)
def create_key(
    request: KeyCreate, response: Response, context: AdminContext, once: Once
) -> NewApiKey:
    """Make a key for the caller's tenant. It is shown only now: sent again under its
    `Idempotency-Key`, the request makes no other, and is answered 409 with the key's `Location`."""
    service.check_grant(context.principal, request)
    with context.write() as session:
        made = service.create_key(session, context.principal.tenant_id, request)
        location = f"/v1/keys/{made.id}"
        once.keep(session, service.made_before(made.id), status=409, location=location)
    context.known_keys.forget()
    response.headers["Location"] = location
    response.headers["Cache-Control"] = "no-store"
    return made


@router.get("/keys", operation_id="list_keys", responses=documented(InvalidRequestError))
def list_keys(context: AdminContext, limit: Limit = 20, cursor: Cursor = None) -> Page[ApiKey]:
    """The tenant's keys, the newest first, with those revoked."""
    after = decode_cursor(cursor)
    with context.read() as session:
        rows, more = split_page(repository.newest(session, limit=limit + 1, after=after), limit)
    return Page(
        items=[service.view(row) for row in rows],
        next_cursor=encode_cursor(rows[-1].id) if more else None,
    )


@router.get("/keys/{key_id}", operation_id="get_key", responses=documented(NotFoundError))
def get_key(key_id: str, context: AdminContext) -> ApiKey:
    """One key."""
    with context.read() as session:
        return service.view(repository.get_key(session, key_id))


@router.delete("/keys/{key_id}", operation_id="revoke_key", responses=documented(NotFoundError))
def revoke_key(key_id: str, context: AdminContext) -> ApiKey:
    """Revoke a key: requests that come with it from now on are refused. Its row stays."""
    with context.write() as session:
        revoked = service.revoke(session, key_id)
    context.known_keys.forget()
    return revoked
