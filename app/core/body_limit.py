"""Refuses bodies above a limit before they are read, or, without a length, while they are."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import TooLargeError
from app.core.handlers import problem_response


class _BodyTooLarge(HTTPException):
    """Passes through body parsers, which let HTTP exceptions alone."""


class BodyLimitMiddleware:
    """`limit_of(method, path)` is the largest body in bytes."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[str, str], int]) -> None:
        self.app = app
        self.limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limit_of(scope["method"], scope["path"])
        refusal = TooLargeError(
            f"The body is larger than the {limit} bytes that are allowed here.",
            headers={"Connection": "close"},
        )
        refused = problem_response(refusal.problem(scope["path"]), refusal.headers)
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > limit:
            await refused(scope, receive, send)
            return
        received = 0
        exceeded = False

        async def counted() -> Message:
            nonlocal received, exceeded
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                exceeded = True
                raise _BodyTooLarge(413)
            return message

        async def answered(message: Message) -> None:
            if not exceeded:
                await send(message)

        await self.app(scope, counted, answered)
        if exceeded:
            await refused(scope, receive, send)
