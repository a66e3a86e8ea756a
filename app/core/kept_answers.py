"""Sends what was sent a moment ago once more, before anything is looked up or parsed."""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.byte_cache import Asked, ByteCache
from app.core.context import AppContext
from app.core.principal import Principal
from app.core.representation import matches, not_modified


@dataclass(frozen=True, slots=True)
class KeptRoute:
    """Stands for the route in logs and figures, which ask for its path alone."""

    path: str


class KeptAnswersMiddleware:
    """Inside the guard: it answers only who may read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._known(scope) if scope["type"] == "http" else None
        await (answer or self.app)(scope, receive, send)

    def _known(self, scope: Scope) -> Response | None:
        principal = scope.get("state", {}).get("principal")
        if not isinstance(principal, Principal) or "read" not in principal.scopes:
            return None
        asked = Asked.of(scope, principal.tenant_id)
        found = None if asked is None else _cache(scope).fresh(asked)
        if found is None:
            return None
        scope["route"] = KeptRoute(found.route)
        if matches(Headers(scope=scope).get("if-none-match", ""), found.tag):
            return not_modified(found.tag)
        return Response(found.content, headers=found.headers)


def _cache(scope: Scope) -> ByteCache:
    context = scope["app"].state.context
    assert isinstance(context, AppContext)
    return context.rendered
