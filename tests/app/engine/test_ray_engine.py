"""The Ray engine while no cluster answers. With one: `tests/cluster/test_engine_contract.py`."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.doctor.checks import ray_cluster
from app.engine.base import EngineUnavailableError, Needs
from app.engine.choice import chosen_engine
from app.engine.ray_engine import RayEngine
from app.settings import Settings


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[RayEngine]:
    """Its cluster's port is taken, and nobody answers there."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(data_dir=tmp_path, engine="ray", ray_address=address)
        made = chosen_engine(settings)
        assert isinstance(made, RayEngine)
        yield made


def test_nothing_is_started(engine: RayEngine) -> None:
    assert engine.room(Needs()) == "later"
    engine.tend()
    assert engine.room(Needs()) == "later"
    with pytest.raises(EngineUnavailableError, match="Ray head"):
        engine.start("job", 1, Needs())


def test_workers_are_neither_given_up_nor_waited_for(engine: RayEngine) -> None:
    assert engine.adopt("ray:job-1", Needs())
    engine.tend()
    engine.stop("ray:job-1", 1.0)
    assert engine.ended("ray:job-1") is None


def test_a_worker_of_another_engine_is_not_taken_up(engine: RayEngine) -> None:
    assert not engine.adopt("4711:12.34:0a1b2c3d", Needs())


class Head(BaseHTTPRequestHandler):
    """Knows its nodes, of which each has so many processors, and forgets what it is given."""

    nodes: tuple[int, ...] = ()
    submitted: list[Any]

    def do_GET(self) -> None:
        found = [
            {"node_id": str(number), "state": "ALIVE", "resources_total": {"CPU": cpus}}
            for number, cpus in enumerate(self.nodes)
        ]
        nodes: object = {"data": {"result": {"result": found}}}
        self._answer([] if self.path == "/api/jobs/" else nodes)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.submitted.append(json.loads(body))
        self._answer({})

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(*nodes: int) -> Iterator[tuple[str, list[Any]]]:
    """The address of a head with such nodes, and what is submitted to it."""
    kind = type("Head", (Head,), {"nodes": nodes, "submitted": []})
    with HTTPServer(("127.0.0.1", 0), kind) as head:
        thread = threading.Thread(target=head.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{head.server_port}", kind.submitted
        finally:
            head.shutdown()
            thread.join()


def test_what_nobody_knows_any_more_has_ended(tmp_path: Path) -> None:
    """The engine forgets ended workers after a while, and the database may be away for longer."""
    with answering() as (address, _):
        engine = RayEngine(Settings(data_dir=tmp_path, engine="ray", ray_address=address))
        assert engine.ended("ray:job-1") is None  # nobody was asked yet
        engine.tend()
    ended = engine.ended("ray:job-1")
    assert ended is not None
    assert ended.engine_failed is not None  # which costs the job no retry


@pytest.mark.parametrize(
    ("needs", "most", "beside"),
    [
        (Needs(), 4, 0),
        (Needs(trials=8), 0, 0),
        (Needs(trials=8), 4, 4),
        (Needs(trials=3), 4, 3),
        (Needs(trials=8), 9, 5),  # which is all that the cluster has beside the worker
        (Needs(ranks=2, trials=8), 9, 0),  # its search stays where its ranks are launched
    ],
)
def test_a_search_is_given_places_that_the_cluster_has(
    tmp_path: Path, needs: Needs, most: int, beside: int
) -> None:
    with answering(2, 4) as (address, submitted):
        engine = RayEngine(
            Settings(data_dir=tmp_path, engine="ray", ray_address=address, ray_trials=most)
        )
        engine.tend()
        assert engine.room(needs) == "now"
        engine.start("job", 1, needs)
        taken = 1 + (beside or (needs.ranks if needs.ranks > 1 else 0))
        for number in range(6 - taken):
            assert engine.room(Needs()) == "now"
            engine.start("job", 2 + number, Needs())
        assert engine.room(Needs()) == "later"
    variables = submitted[0]["runtime_env"]["env_vars"]
    assert "GOMP_SPINCOUNT" in variables
    assert variables["AUTOPQ_RAY_TRIALS"] == str(beside)


def test_a_token_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, engine="ray", ray_token_file=tmp_path / "nowhere")
    found = ray_cluster(settings)
    assert found.level == "problem"
    assert "nowhere" in found.detail
