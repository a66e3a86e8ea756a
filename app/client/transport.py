"""HTTP connections to the service: retry what is safe to retry, raise what was refused."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import httpx

from app.client.calls import Call
from app.client.errors import ProblemError, UnreachableError, problem_of
from app.client.tables import opened

T = TypeVar("T")

KEY_VARIABLE = "AUTOPQ_API_KEY"
TRIES = 4
FIRST_PAUSE_SECONDS = 0.2
# The service is restarting, or the key has made its requests too fast: nothing was carried out.
_PASSING = (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS)
_MOST_PATIENCE_SECONDS = 5.0  # a full queue asks for more, and the caller should know of it
_CHUNK = 2**18
_TIMEOUT = httpx.Timeout(150.0, connect=5.0)
# Given up late: a table waits for its turn to be checked, and the service itself ends a check that
# takes longer than its `check_seconds`.
_POST_TIMEOUT = httpx.Timeout(1800.0, connect=5.0)


def _options(url: str, api_key: str | None) -> dict[str, Any]:
    key = api_key or os.environ.get(KEY_VARIABLE)
    return {
        "base_url": url,
        "timeout": _TIMEOUT,
        "trust_env": not _is_loopback(url),
        "headers": {"Authorization": f"Bearer {key}"} if key else None,
    }


class _Tries:
    """The rule of trying again.

    Reads and creations are tried again when the connection fails, and when the service is
    restarting or asks for a moment:
    reads change nothing, and creations carry an idempotency key, so that one which broke off after
    it was carried out is not carried out twice. Everything else is sent once.
    """

    def __init__(self, url: str, call: Call[Any]) -> None:
        self._url = url
        self._left = TRIES if call.method == "GET" or call.creates else 1
        self._pause = FIRST_PAUSE_SECONDS
        self.request: dict[str, Any] = {
            "method": call.method,
            "url": call.path,
            "params": {name: value for name, value in call.params.items() if value is not None},
            "json": call.json,
            "headers": {"Accept": call.accept},
            "timeout": _TIMEOUT if call.method == "GET" else _POST_TIMEOUT,
        }
        if call.creates:
            self.request["headers"]["Idempotency-Key"] = secrets.token_hex(16)

    def failed(self, error: Exception) -> float:
        """Seconds to wait before the next try. Raises UnreachableError after the last one."""
        if isinstance(error, httpx.InvalidURL) or not self._again():
            reason = str(error) or type(error).__name__
            raise UnreachableError(self._url, reason) from error
        return self._wait()

    def answered(self, response: httpx.Response) -> float | None:
        """None when the answer counts, else seconds to wait. Raises ProblemError."""
        if response.is_success:
            return None
        asked = retry_after(response, 0.0)
        may_pass = response.status_code in _PASSING and asked <= _MOST_PATIENCE_SECONDS
        if may_pass and self._again():
            return max(asked, self._wait())
        raise ProblemError(problem_of(response), response)

    def _again(self) -> bool:
        self._left -= 1
        return self._left > 0

    def _wait(self) -> float:
        self._pause *= 2
        return self._pause / 2


class Transport:
    """Requests against one base address."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(**_options(self.url, api_key))

    def close(self) -> None:
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Raises ProblemError, UnreachableError, and OSError for a table that is no file."""
        if call.table is None:
            return call.read(self._send(_Tries(self.url, call), None, None))
        with opened(call.table) as (content, media_type):
            return call.read(self._send(_Tries(self.url, call), content, media_type))

    def _send(
        self, tries: _Tries, content: BinaryIO | None, media_type: str | None
    ) -> httpx.Response:
        while True:
            try:
                response = self._http.request(**_with_body(tries.request, content, media_type))
            except (httpx.TransportError, httpx.InvalidURL) as error:
                pause: float | None = tries.failed(error)
            else:
                pause = tries.answered(response)
                if pause is None:
                    return response
            time.sleep(pause or 0.0)


class AsyncTransport:
    """The same without blocking."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(**_options(self.url, api_key))

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Raises ProblemError, UnreachableError, and OSError for a table that is no file."""
        if call.table is None:
            return call.read(await self._send(_Tries(self.url, call), None, None))
        with opened(call.table) as (content, media_type):
            return call.read(await self._send(_Tries(self.url, call), content, media_type))

    async def _send(
        self, tries: _Tries, content: BinaryIO | None, media_type: str | None
    ) -> httpx.Response:
        while True:
            body = None if content is None else _pieces(content)
            try:
                response = await self._http.request(**_with_body(tries.request, body, media_type))
            except (httpx.TransportError, httpx.InvalidURL) as error:
                pause: float | None = tries.failed(error)
            else:
                pause = tries.answered(response)
                if pause is None:
                    return response
            await asyncio.sleep(pause or 0.0)


def _with_body(
    request: Mapping[str, Any],
    content: BinaryIO | AsyncIterator[bytes] | None,
    media_type: str | None,
) -> dict[str, Any]:
    """The request with its table from the start, also when it is sent again."""
    if content is None:
        return dict(request)
    if not isinstance(content, AsyncIterator):
        content.seek(0)
    headers = {**request["headers"], "Content-Type": media_type}
    return {**request, "content": content, "headers": headers}


async def _pieces(content: BinaryIO) -> AsyncIterator[bytes]:
    await asyncio.to_thread(content.seek, 0)
    while piece := await asyncio.to_thread(content.read, _CHUNK):
        yield piece


def retry_after(response: httpx.Response, default: float) -> float:
    """Seconds the service asks to wait before looking again."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else default


def _is_loopback(url: str) -> bool:
    """Whether the address is this machine, where proxies of the environment have no business."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")
