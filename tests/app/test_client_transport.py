"""The client against an address where things go wrong below the service."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pandas as pd
import pytest

from app.client import Client, ProblemError, UnreachableError

JOB_PATH = "/v1/jobs/job_1/leaderboard"
NOT_FOUND = b'{"type": "/problems/not-found", "title": "No", "status": 404, "detail": "nothing"}'


class Flaky(BaseHTTPRequestHandler):
    """Breaks the first connections of a path off, then answers."""

    breaks: ClassVar[dict[str, int]] = {}
    seen: ClassVar[list[str]] = []
    keys: ClassVar[list[str | None]] = []
    bodies: ClassVar[list[bytes]] = []
    answer: tuple[int, str, bytes] = (200, "application/json", b'{"job_id": "job_1", "rows": []}')

    def _body(self) -> bytes:
        """Uploads of unknown length come in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def handle_request(self) -> None:
        key = f"{self.command} {self.path}"
        self.seen.append(key)
        self.keys.append(self.headers.get("Idempotency-Key"))
        self.bodies.append(self._body())
        if self.breaks.get(key, 0) > 0:
            self.breaks[key] -= 1
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        status, kind, body = self.answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = handle_request

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def flaky() -> Iterator[type[Flaky]]:
    handler = type("Handler", (Flaky,), {"breaks": {}, "seen": [], "keys": [], "bodies": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        handler.url = f"http://127.0.0.1:{server.server_port}"
        yield handler
        server.shutdown()
        thread.join()


def test_reads_are_tried_again_when_the_connection_breaks(flaky) -> None:
    flaky.breaks[f"GET {JOB_PATH}"] = 2
    with Client(flaky.url) as client:
        assert client.leaderboard("job_1").rows == []
    assert flaky.seen == [f"GET {JOB_PATH}"] * 3


def test_creations_are_sent_again_under_the_same_key(flaky) -> None:
    flaky.breaks["POST /v1/jobs"] = 1
    flaky.answer = (404, "application/problem+json", NOT_FOUND)
    with Client(flaky.url) as client, pytest.raises(ProblemError, match="nothing"):
        client.submit_job("ds_1", {"target": "load"})
    assert flaky.seen == ["POST /v1/jobs"] * 2
    assert len(flaky.keys) == 2
    assert len(set(flaky.keys)) == 1


def test_an_upload_is_sent_again_from_its_start(flaky) -> None:
    flaky.breaks["POST /v1/datasets"] = 1
    flaky.answer = (404, "application/problem+json", NOT_FOUND)
    with Client(flaky.url) as client, pytest.raises(ProblemError, match="nothing"):
        client.upload_dataset(pd.DataFrame({"y": [1.0]}))
    assert len(set(flaky.bodies)) == 1
    assert b"PAR1" in flaky.bodies[0]


def test_other_writes_are_sent_once(flaky) -> None:
    flaky.breaks["POST /v1/jobs/job_1/cancel"] = 1
    with Client(flaky.url) as client, pytest.raises(UnreachableError, match="no answer from"):
        client.cancel("job_1")
    assert flaky.seen == ["POST /v1/jobs/job_1/cancel"]


def test_waiting_outlives_a_service_that_is_away(flaky, monkeypatch) -> None:
    monkeypatch.setattr("app.client.transport.FIRST_PAUSE_SECONDS", 0.01)
    flaky.breaks["GET /v1/jobs/job_1"] = 6
    flaky.answer = (404, "application/problem+json", NOT_FOUND)
    with Client(flaky.url) as client, pytest.raises(ProblemError, match="nothing"):
        client.wait("job_1", poll_seconds=0.01)
    assert len(flaky.seen) == 7
    flaky.breaks["GET /v1/jobs/job_1"] = 100
    with Client(flaky.url) as client, pytest.raises(UnreachableError):
        client.wait("job_1", poll_seconds=0.01, patience=0)


def test_an_answer_of_a_proxy_is_a_problem_too(flaky) -> None:
    flaky.answer = (502, "text/html", b"<h1>Bad gateway</h1>")
    with Client(flaky.url) as client, pytest.raises(ProblemError) as caught:
        client.leaderboard("job_1")
    assert caught.value.status == 502
    assert caught.value.title == "Bad Gateway"
    assert JOB_PATH in caught.value.detail


def test_a_service_that_is_starting_is_waited_for(flaky, monkeypatch) -> None:
    monkeypatch.setattr("app.client.transport.FIRST_PAUSE_SECONDS", 0.01)
    problem = b'{"type": "/problems/unavailable", "title": "Down", "status": 503, "detail": "soon"}'
    flaky.answer = (503, "application/problem+json", problem)
    with Client(flaky.url) as client, pytest.raises(ProblemError, match="soon"):
        client.leaderboard("job_1")
    assert len(flaky.seen) == 4


def test_nobody_there(monkeypatch) -> None:
    monkeypatch.setattr("app.client.transport.FIRST_PAUSE_SECONDS", 0.01)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with Client(url) as client, pytest.raises(UnreachableError, match="no answer from"):
            client.job("job_1")


def test_proxies_of_the_environment_do_not_come_between_this_machine_and_itself(
    flaky, monkeypatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Client(flaky.url) as client:
        assert client.leaderboard("job_1").job_id == "job_1"
