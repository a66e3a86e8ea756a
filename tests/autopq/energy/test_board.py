"""A process reads its share off the board, across a meter that is late, replaced or gone."""

import json
import os
import time
from pathlib import Path

import pytest

from autopq.energy import EnergyMeter, EnergyRow, Provenance
from autopq.energy.board import STALE_S, Board, BoardShares, Posted
from autopq.energy.host_meter import Parts, Rates
from autopq.energy.share import ShareSource

PROVENANCE = Provenance(
    cpu_method="rapl",
    gpu_method="nvml",
    ram_method="configured",
    measured=False,
    country="DEU",
    carbon_g_per_kwh=400.0,
    pue=1.2,
    tool="test",
    carbon_source="given",
    idle_method="calibrated",
    attribution="process_share",
    sampling_s=1.0,
)
RATES = Rates(40.0, 5.0)
STILL = Rates(0.0, 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "machine.json"


def post(board: Board, drawn: Parts | None, *, rates: Rates = STILL, shared: bool = False) -> None:
    own = {os.getpid(): Posted(drawn, 1e9, rates, shared)} if drawn else {}
    board.post(own, sampled_at=time.monotonic(), rates=rates, provenance=PROVENANCE)


def source(path: Path) -> ShareSource:
    found = ShareSource(BoardShares(path))
    found.start()
    return found


def test_a_share_comes_with_its_provenance(path: Path) -> None:
    board = Board(path)
    post(board, Parts(1000, 2000, 3000, 500))
    reader = source(path)
    assert tuple(reader.read()) == (1.0, 2.0, 3.0, 0.5)
    assert reader.provenance() == PROVENANCE
    post(board, Parts(1001, 2000, 3000, 500), shared=True)
    assert reader.read().cpu_j == 1.001
    assert reader.provenance().attribution == "shared_gpu"
    board.remove()
    assert list(path.parent.iterdir()) == []


def test_who_is_not_there_yet_is_carried_on_from_birth(path: Path) -> None:
    post(Board(path), None, rates=RATES)
    reader = source(path)
    used = time.process_time()
    reading = reader.read()
    assert reading.cpu_j >= 40.0 * used * 0.9
    assert reading.idle_j >= 5.0 * used * 0.9
    assert reading.gpu_j == reading.ram_j == 0.0


def test_readings_go_on_where_a_new_meter_begins_at_nothing(path: Path) -> None:
    post(Board(path), Parts(5000, 0, 100, 50))
    reader = source(path)
    assert reader.read().cpu_j == 5.0
    following = Board(path)
    post(following, None)
    assert reader.read().cpu_j == 5.0
    post(following, Parts(700, 0, 0, 7))
    assert reader.read().cpu_j == pytest.approx(5.7)
    assert reader.read().idle_j == pytest.approx(0.057)


def test_a_meter_that_has_stopped_leaves_rows_that_say_so(path: Path) -> None:
    post(Board(path), Parts(5000, 0, 100, 50))
    rows: list[EnergyRow] = []
    with EnergyMeter(source(path), rows.append) as meter:
        meter.flush()
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"written_at": time.monotonic() - STALE_S - 1}))
        with meter.phase("select"):
            time.sleep(0.01)
    assert rows[0].provenance.cpu_method == "rapl"
    assert rows[0].total_mj == 5150
    assert {row.provenance.cpu_method for row in rows[1:]} == {"unavailable"}


def test_without_a_board_the_start_fails(path: Path) -> None:
    with pytest.raises(OSError, match="machine"):
        ShareSource(BoardShares(path, patience=0.1)).start()
