"""Says who a request is from before anything of it is read."""

from math import ceil
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.accounts import repository, service
from app.accounts.exposure import is_loopback, is_loopback_address
from app.accounts.known_keys import KnownKeys
from app.accounts.rates import Rates
from app.accounts.uses import KeyUses
from app.core.clock import now
from app.core.context import AppContext
from app.core.database import Database
from app.core.errors import AppError, ForbiddenError, TooManyError, UnauthorizedError
from app.core.handlers import problem_response
from app.core.principal import ANYBODY, Principal
from app.reference.endpoints import ASSETS, PAGE
from app.settings import Settings

# What says nothing about anybody, by the templates of their paths.
PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/openapi.json", PAGE, f"{PAGE}/{{asset}}"})
_OPEN = frozenset(PUBLIC_PATHS | {f"{PAGE}/{asset}" for asset in ASSETS})

_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class GuardMiddleware:
    """Puts a `Principal` into the request's state, or answers 401, 403 or 429."""

    def __init__(self, app: ASGIApp, settings: Settings, uses: KeyUses, known: KnownKeys) -> None:
        self.app = app
        self._may_be_open = is_loopback(settings.host)
        self._rates = Rates(settings.requests_per_second, settings.requests_at_once)
        self._uses = uses
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self.app(scope, receive, send)
            return
        context = scope["app"].state.context
        assert isinstance(context, AppContext)
        headers = Headers(scope=scope)
        try:
            given = headers.get("authorization")
            principal = self._known.find(given, now())
            if principal is None:
                principal = await to_thread.run_sync(self._look_up, context.database, given)
            if principal is ANYBODY:
                _check_local(headers)
            if principal.key_id is not None:
                self._count(principal.key_id)
        except AppError as error:
            refused = problem_response(error.problem(scope["path"]), error.headers)
            await refused(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        await self.app(scope, receive, send)

    def _count(self, key_id: str) -> None:
        self._uses.note(key_id)
        wait = self._rates.take(key_id)
        if wait > 0:
            raise TooManyError(
                "This key has made too many requests in a short time.",
                headers={"Retry-After": str(ceil(wait))},
            )

    def _look_up(self, database: Database, given: str | None) -> Principal:
        try:
            return self._principal(database, given)
        except UnauthorizedError:
            self._known.refuse(given)
            raise

    def _principal(self, database: Database, given: str | None) -> Principal:
        since = self._known.now()
        expires_at = None
        with database.look() as connection:
            if given is not None:
                kind, _, text = given.partition(" ")
                bearer = service.bearer(connection, text.strip(), now())
                if kind.lower() != "bearer" or bearer is None:
                    raise _unauthorized("The key is unknown, revoked or expired.")
                principal, expires_at = bearer
            elif not self._may_be_open or repository.any_key(connection):
                raise _unauthorized("This service answers only requests that come with a key.")
            else:
                principal = ANYBODY
        self._known.note(given, principal, expires_at, since)
        return principal


def _unauthorized(detail: str) -> UnauthorizedError:
    return UnauthorizedError(
        f"{detail} Send one as `Authorization: Bearer apq_…`; `autopq keys create` makes one.",
        headers={"WWW-Authenticate": 'Bearer realm="autopq"'},
    )


def _check_local(headers: Headers) -> None:
    """An open service must not be used by strangers through this machine: by a page in its
    browser (which may also give its own name this machine's address), or by a proxy on it."""
    for name in _PROXY_HEADERS:
        if name in headers:
            raise ForbiddenError(
                f"The request came through a proxy (it has the header '{name}'). Make a key with "
                "`autopq keys create`; from then on only requests with a key are answered."
            )
    for address in (f"//{headers.get('host', '')}", headers.get("origin")):
        if address is not None and not _names_this_machine(address):
            raise ForbiddenError(
                f"'{address.removeprefix('//')}' is not an address of this machine, and without "
                "keys only this machine may use the service. Make one with `autopq keys create`."
            )
    if headers.get("sec-fetch-site") == "cross-site":
        raise ForbiddenError("A page of another site sent this request.")


def _names_this_machine(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or is_loopback_address(host)
