"""The Ray engine while no cluster answers. With one: `tests/cluster/test_engine_contract.py`."""

import socket
from collections.abc import Iterator
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


def test_a_token_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, engine="ray", ray_token_file=tmp_path / "nowhere")
    found = ray_cluster(settings)
    assert found.level == "problem"
    assert "nowhere" in found.detail
