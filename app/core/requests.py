"""What is the same for every request: its id, its line in the log, its time, and the headers that
keep browsers from making more of an answer than it is."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import ids
from app.core.handlers import unexpected

REQUEST_ID = "X-Request-ID"
_USABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_GONE = 499  # the client left before there was an answer; never sent

# Answers are data. A page of the service that is more says so in its own headers.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """A request and how it went. `route` is the path's template, or empty where none matched."""

    method: str
    route: str
    status: int
    seconds: float


class RequestMiddleware:
    """The outermost layer. Answers with a 500 problem whatever nobody else caught."""

    def __init__(self, app: ASGIApp, observe: Callable[[Served], None]) -> None:
        self.app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _USABLE_ID.fullmatch(given) else ids.new("req")
        status, made = _GONE, None
        began = time.perf_counter()

        async def answered(message: Message) -> None:
            nonlocal status, made
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                status, made = message["status"], headers.get("Location")
                headers[REQUEST_ID] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, answered)
            except Exception as error:
                answer = unexpected(scope["path"], error)
                if status != _GONE:
                    raise  # half an answer is out: only cutting it off is honest now
                await answer(scope, receive, answered)
            finally:
                route = getattr(scope.get("route"), "path", "")
                seconds = time.perf_counter() - began
                self._observe(Served(scope["method"], route, status, seconds))
                _tell(scope, status, seconds, made)


def _tell(scope: Scope, status: int, seconds: float, made: str | None) -> None:
    """Probes and scrapes, which come every few seconds for ever, only where details are asked."""
    principal = scope.get("state", {}).get("principal")
    who = {} if principal is None else {"tenant": principal.tenant_id, "key": principal.key_id}
    what = {} if made is None else {"location": made}
    tell = log.info if scope["path"].startswith("/v1/") else log.debug
    tell(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        milliseconds=round(1000 * seconds, 1),
        **who,
        **what,
    )
