"""What every endpoint is given: settings, files, table checks, and the rows of its tenant."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from app.accounts.known_keys import KnownKeys
from app.checks.pool import CheckPool
from app.core.byte_cache import ByteCache
from app.core.database import Database, ReadSession, WriteSession
from app.core.errors import ForbiddenError
from app.core.in_flight import InFlight
from app.core.principal import Principal, Scope
from app.core.storage import Storage
from app.core.streams import Streams
from app.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class AppContext:
    """What one process of the service has, for all tenants."""

    settings: Settings
    database: Database
    checks: CheckPool
    check_limiter: CapacityLimiter
    streams: Streams
    rendered: ByteCache
    known_keys: KnownKeys
    in_flight: InFlight = field(default_factory=InFlight)


@dataclass(frozen=True)
class RequestContext:
    """The same within the bounds of one request: it reaches its tenant's rows and no others."""

    _app: AppContext
    principal: Principal

    @property
    def settings(self) -> Settings:
        return self._app.settings

    @property
    def storage(self) -> Storage:
        return self._app.settings.storage

    @property
    def checks(self) -> CheckPool:
        return self._app.checks

    @property
    def rendered(self) -> ByteCache:
        return self._app.rendered

    @property
    def known_keys(self) -> KnownKeys:
        return self._app.known_keys

    @property
    def streams(self) -> Streams:
        return self._app.streams

    @property
    def in_flight(self) -> InFlight:
        return self._app.in_flight

    def read(self) -> AbstractContextManager[ReadSession]:
        return self._app.database.read(self.principal.tenant_id)

    def write(self) -> AbstractContextManager[WriteSession]:
        """Commits at the end of its block and rolls back on an error."""
        return self._app.database.write(self.principal.tenant_id)

    async def with_checks(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work that uses `checks` on a thread. Requests in excess of the check processes wait
        here, where waiting costs nothing, and leave the threads to requests that only read."""
        limiter = self._app.check_limiter
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)


def _app_of(request: Request) -> AppContext:
    context = request.app.state.context
    assert isinstance(context, AppContext)
    return context


def _principal(request: Request, needed: Scope) -> Principal:
    principal = request.state.principal  # put there by `app.accounts.guard`
    assert isinstance(principal, Principal)
    if needed not in principal.scopes:
        raise ForbiddenError(f"This key lacks the scope '{needed}', which this request needs.")
    return principal


# Coroutines, though none waits: plain functions would each cost a turn on a thread.


async def _own(request: Request) -> RequestContext:
    needed: Scope = "read" if request.method in ("GET", "HEAD") else "submit"
    return RequestContext(_app_of(request), _principal(request, needed))


async def _caller(request: Request) -> RequestContext:
    principal = request.state.principal
    assert isinstance(principal, Principal)
    return RequestContext(_app_of(request), principal)


async def _admin(request: Request) -> RequestContext:
    return RequestContext(_app_of(request), _principal(request, "admin"))


async def _operator(request: Request) -> AppContext:
    _principal(request, "metrics")
    return _app_of(request)


async def _system(request: Request) -> AppContext:
    return _app_of(request)


Context = Annotated[RequestContext, Depends(_own)]
AdminContext = Annotated[RequestContext, Depends(_admin)]
OperatorContext = Annotated[AppContext, Depends(_operator)]
# For what goes on around an endpoint, which asks for a scope itself.
Caller = Annotated[RequestContext, Depends(_caller)]
# For what everybody may know: whether the service is there.
System = Annotated[AppContext, Depends(_system)]
