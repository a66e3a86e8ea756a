"""The Ray engine while no cluster answers. With one: `tests/cluster/test_engine_contract.py`."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.doctor.checks import ray_cluster
from app.engine.base import EngineUnavailableError
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
    assert engine.room(1) == "later"
    engine.tend()
    assert engine.room(1) == "later"
    with pytest.raises(EngineUnavailableError, match="Ray head"):
        engine.start("job", 1, 1)


def test_workers_are_neither_given_up_nor_waited_for(engine: RayEngine) -> None:
    assert engine.adopt("ray:job-1", 1)
    engine.tend()
    engine.stop("ray:job-1", 1.0)
    assert engine.ended("ray:job-1") is None


def test_a_worker_of_another_engine_is_not_taken_up(engine: RayEngine) -> None:
    assert not engine.adopt("4711:12.34:0a1b2c3d", 1)


class Forgetful(BaseHTTPRequestHandler):
    """A head that knows of nothing, as after a restart."""

    def do_GET(self) -> None:
        nodes: object = {"data": {"result": {"result": []}}}
        body = json.dumps([] if self.path == "/api/jobs/" else nodes).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_what_nobody_knows_any_more_has_ended(tmp_path: Path) -> None:
    """The engine forgets ended workers after a while, and the database may be away for longer."""
    with HTTPServer(("127.0.0.1", 0), Forgetful) as head:
        thread = threading.Thread(target=head.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{head.server_port}"
            engine = RayEngine(Settings(data_dir=tmp_path, engine="ray", ray_address=address))
            assert engine.ended("ray:job-1") is None  # nobody was asked yet
            engine.tend()
        finally:
            head.shutdown()
            thread.join()
    ended = engine.ended("ray:job-1")
    assert ended is not None
    assert ended.engine_failed is not None  # which costs the job no retry


def test_a_token_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, engine="ray", ray_token_file=tmp_path / "nowhere")
    found = ray_cluster(settings)
    assert found.level == "problem"
    assert "nowhere" in found.detail
