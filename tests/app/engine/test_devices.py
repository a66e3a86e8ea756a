"""Whole GPUs, each to one attempt. The machine's are told by name here; none is touched."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.engine.base import Needs, Room
from app.engine.devices import Devices, find_devices
from app.engine.local import LocalEngine
from app.settings import Settings

NAMES = ("GPU-a", "GPU-b", "GPU-c")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[tuple[LocalEngine, str]]]:
    """The workers a test started; they end with it."""
    started: list[tuple[LocalEngine, str]] = []
    yield started
    for engine, handle in started:
        end(engine, handle)


def engine_of(folder: Path, gpus: int, **settings: object) -> LocalEngine:
    given = Settings.model_validate({"data_dir": folder, "max_concurrent_jobs": 8, **settings})
    given.storage.prepare()
    return LocalEngine(given, Devices(NAMES[:gpus]))


def end(engine: LocalEngine, handle: str) -> None:
    engine.stop(handle, 0)
    deadline = time.monotonic() + 60
    while engine.ended(handle) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def shown(handle: str, variable: str = "CUDA_VISIBLE_DEVICES") -> str | None:
    """What a worker sees, by default of the devices."""
    process = psutil.Process(int(handle.split(":")[0]))
    deadline = time.monotonic() + 60
    while not (environment := process.environ()):  # for a moment after its start it has none
        assert time.monotonic() < deadline
        time.sleep(0.01)
    found: str | None = environment.get(variable)
    return found


def test_no_two_attempts_have_one_device(
    tmp_path: Path, made: list[tuple[LocalEngine, str]]
) -> None:
    engine = engine_of(tmp_path, 2)
    for number in (1, 2):
        made.append((engine, engine.start("job", number, Needs())))
    assert [shown(handle) for _, handle in made] == ["GPU-a", "GPU-b"]
    assert engine.room(Needs()) == "later"
    end(*made.pop(0))
    assert engine.room(Needs()) == "now"
    made.append((engine, engine.start("job", 3, Needs())))
    assert shown(made[-1][1]) == "GPU-a"


def test_ranks_have_a_device_each_where_there_are_enough(
    tmp_path: Path, made: list[tuple[LocalEngine, str]]
) -> None:
    engine = engine_of(tmp_path, 3)
    made.append((engine, engine.start("job", 1, Needs(ranks=2))))
    assert shown(made[0][1]) == "GPU-a,GPU-b"
    assert (engine.room(Needs(ranks=2)), engine.room(Needs())) == ("later", "now")


@pytest.mark.parametrize(
    ("gpus", "asked", "room"),
    [(0, None, "now"), (0, 0, "now"), (0, 1, "never"), (1, 2, "never"), (2, 2, "now")],
)
def test_what_the_machine_has_not_is_never_given(
    tmp_path: Path, gpus: int, asked: int | None, room: Room
) -> None:
    assert engine_of(tmp_path, gpus, gpus_per_job=asked).room(Needs()) == room


def test_a_machine_without_devices_hides_none(
    tmp_path: Path, made: list[tuple[LocalEngine, str]]
) -> None:
    engine = engine_of(tmp_path, 0)
    made.append((engine, engine.start("job", 1, Needs())))
    assert shown(made[0][1]) == os.environ.get("CUDA_VISIBLE_DEVICES")


def test_threads_of_a_worker_do_not_spin_for_long_unless_the_operator_says_so(
    tmp_path: Path, made: list[tuple[LocalEngine, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(tmp_path, 0)
    for variable in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(variable, raising=False)
    made.append((engine, engine.start("job", 1, Needs())))
    assert 0 < int(shown(made[-1][1], "GOMP_SPINCOUNT") or 0) < 300_000  # libgomp's own
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    made.append((engine, engine.start("job", 2, Needs())))
    assert shown(made[-1][1], "GOMP_SPINCOUNT") is None
    assert shown(made[-1][1], "OMP_WAIT_POLICY") == "ACTIVE"


@pytest.mark.parametrize(
    ("environment", "left"),
    [
        ({}, NAMES),
        ({"CUDA_VISIBLE_DEVICES": "2,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, ("GPU-c", "GPU-a")),
        # CUDA's own order is another than that of the names.
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, ("2", "0")),
        ({"CUDA_VISIBLE_DEVICES": "1,3,0"}, ("1",)),
        ({"CUDA_VISIBLE_DEVICES": "GPU-b,-1,GPU-a"}, ("GPU-b",)),
        ({"CUDA_VISIBLE_DEVICES": ""}, ()),
    ],
)
def test_a_number_means_to_a_worker_what_it_means_to_cuda_here(
    environment: dict[str, str], left: tuple[str, ...]
) -> None:
    assert find_devices(environment, NAMES).free == left


def test_looking_for_devices_raises_nothing_where_there_is_no_driver() -> None:
    assert find_devices({"CUDA_VISIBLE_DEVICES": ""}).total == 0
