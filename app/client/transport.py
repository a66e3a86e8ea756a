"""One HTTP connection to the service: retries what is safe to retry, raises what was refused."""

import time
from collections.abc import Mapping
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import httpx

from app.client.errors import ProblemError, UnreachableError, problem_of

TRIES = 4
FIRST_PAUSE_SECONDS = 0.2
JSON = "application/json"
_TIMEOUT = httpx.Timeout(150.0, connect=5.0)
# Sent once, so given up late: a table waits for its turn to be checked, and the service itself
# ends a check that takes longer than its `check_seconds`.
_POST_TIMEOUT = httpx.Timeout(1800.0, connect=5.0)


class Transport:
    """Requests against one base address."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            timeout=_TIMEOUT,
            trust_env=not _is_loopback(self.url),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
        )

    def close(self) -> None:
        self._http.close()

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, accept: str = JSON
    ) -> httpx.Response:
        """GET, tried again when the connection fails or the service is restarting.

        Raises ProblemError and UnreachableError.
        """
        for attempt in range(1, TRIES + 1):
            try:
                response = self._http.get(path, params=_present(params), headers={"Accept": accept})
            except httpx.TransportError as error:
                if attempt == TRIES:
                    raise self._unreachable(error) from error
            except httpx.InvalidURL as error:
                raise self._unreachable(error) from error
            else:
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or attempt == TRIES:
                    return _accepted(response)
            time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")

    def post(
        self,
        path: str,
        *,
        json: Any = None,
        content: BinaryIO | bytes | None = None,
        content_type: str | None = None,
    ) -> httpx.Response:
        """POST, once: a request that broke off may have been carried out.

        Raises ProblemError and UnreachableError.
        """
        headers = {"Accept": JSON}
        if content_type is not None:
            headers["Content-Type"] = content_type
        try:
            response = self._http.post(
                path, json=json, content=content, headers=headers, timeout=_POST_TIMEOUT
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error
        return _accepted(response)

    def _unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError(self.url, str(error) or type(error).__name__)


def _is_loopback(url: str) -> bool:
    """Whether the address is this machine, where proxies of the environment have no business."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def retry_after(response: httpx.Response, default: float) -> float:
    """Seconds the service asks to wait before looking again."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else default


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise ProblemError(problem_of(response), response)
