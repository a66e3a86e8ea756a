"""What the service asks of a Ray cluster, over the HTTP interface of its head.

Ray's own client would bring all of Ray into the web process and waits without an end for a head
that does not answer; the supervisor must not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.engine.base import EngineUnavailableError
from app.engine.places import Node

_TIMEOUT = httpx.Timeout(4.0, connect=2.0)
_MOST_NODES = 10_000


@dataclass(frozen=True, slots=True)
class RayJob:
    """A submission as the head tells of it."""

    status: str  # PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED
    exit_code: int | None
    node: str | None


class RayApi:
    """Raises EngineUnavailableError when the head cannot be reached or does not do as asked."""

    def __init__(self, address: str, token: "RayToken") -> None:
        self._http = httpx.Client(base_url=address, timeout=_TIMEOUT, auth=token)

    def close(self) -> None:
        self._http.close()

    def submit(self, submission_id: str, entrypoint: str, **options: Any) -> None:
        body = {"submission_id": submission_id, "entrypoint": entrypoint, **options}
        try:
            self._send("POST", "/api/jobs/", json=body)
        except EngineUnavailableError as error:
            if not isinstance(error.__cause__, httpx.ReadTimeout):
                raise
            # It may have been taken; whoever asks for the submission's state will see.

    def jobs(self) -> dict[str, RayJob]:
        """All submissions by their ids."""
        return {
            found["submission_id"]: RayJob(
                found["status"], found.get("driver_exit_code"), found.get("driver_node_id")
            )
            for found in self._send("GET", "/api/jobs/").json()
            if found.get("submission_id")
        }

    def nodes(self) -> list[Node]:
        """Living nodes."""
        query = {"detail": 1, "limit": _MOST_NODES}
        answer = self._send("GET", "/api/v0/nodes", params=query).json()
        return [
            Node(
                found["node_id"],
                float(found["resources_total"].get("CPU", 0)),
                float(found["resources_total"].get("GPU", 0)),
            )
            for found in answer["data"]["result"]["result"]
            if found["state"] == "ALIVE"
        ]

    def stop(self, submission_id: str) -> None:
        self._send("POST", f"/api/jobs/{submission_id}/stop")

    def delete(self, submission_id: str) -> None:
        """Forget a submission that has ended."""
        self._send("DELETE", f"/api/jobs/{submission_id}")

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **content)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise EngineUnavailableError(f"the Ray head: {_said(error)}") from error
        return answer


class RayToken(httpx.Auth):
    """Ray's token, read anew for each request: files of secrets change under a running service."""

    def __init__(self, file: Path | None, token: str | None) -> None:
        self._file = file
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        token = self._token
        if self._file is not None:
            try:
                token = self._file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise EngineUnavailableError(f"the Ray token: {error}") from error
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        yield request


def _said(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        lines = error.response.text.strip().splitlines() or [""]
        return f"{error.response.status_code} {lines[-1]}"[:300]
    return f"{type(error).__name__}: {error}"
