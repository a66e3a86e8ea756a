"""The real source on this machine, whatever counters it has: offline, tidy, never silent."""

import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autopq.energy import EnergyMeter, EnergyRow, create_meter
from autopq.energy.codecarbon_host import CodeCarbonHost
from autopq.energy.process_tree import ProcessTree
from autopq.energy.share import OwnShares, ShareSource
from autopq.errors import InputError


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(1000))


@pytest.fixture
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working and home directory, hostile settings around, and no network."""
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work):
        folder.mkdir()
    (home / ".codecarbon.config").write_text(
        "[codecarbon]\ntracking_mode = machine\npue = 9\nforce_cpu_power = 5000\n"
        "co2_signal_api_token = abc\noutput_methods = csv\nallow_multiple_runs = False\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CODECARBON_EMISSIONS_ENDPOINT", "http://127.0.0.1:9/")
    monkeypatch.setenv("CODECARBON_FORCE_RAM_POWER", "7777")
    monkeypatch.setenv("TMPDIR", str(work))
    monkeypatch.chdir(work)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("no network call is allowed")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return work


def test_meters_a_busy_process_offline_and_leaves_nothing(isolated: Path) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    rows: list[EnergyRow] = []
    with (
        create_meter("DEU", rows.append) as meter,
        meter.phase("select"),
        meter.trial("busy") as busy,
    ):
        burn(0.7)

    assert busy.energy_mj > 0
    assert sum(row.total_mj for row in rows) == meter.total_mj
    provenance = rows[-1].provenance
    assert provenance.cpu_method in {"rapl", "load_model"}
    assert provenance.ram_method == "dimm_model"
    assert not provenance.measured  # memory never is
    assert provenance.country == "DEU"
    assert 100 < provenance.carbon_g_per_kwh < 800
    assert provenance.carbon_source
    assert provenance.pue == 1.0
    assert provenance.cpu_rated_watts != 5000
    # A share of a few modules of 5 W, neither the 7777 W nor the ninefold PUE around.
    seconds = (rows[-1].ended_at - rows[0].started_at).total_seconds()
    assert 0 < sum(row.ram_mj for row in rows) < 160_000 * seconds
    assert list(isolated.iterdir()) == []
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def cpu_seconds() -> float:
    """Of this process and its children: the fixtures of other tests may have left some."""
    return ProcessTree().use().cpu_s


def shares_of(**options: object) -> ShareSource:
    """Of a machine that is looked at at every reading."""
    return ShareSource(OwnShares(CodeCarbonHost("DEU", **options), window=0.0))


def test_the_model_charges_full_power_for_the_share_of_all_cores() -> None:
    source = shares_of(cpu_watts=100.0, cpu_idle_watts=30.0, ram_watts=0.0, gpus=False)
    source.start()
    try:
        before = cpu_seconds()
        burn(1.2)
        used = source.read()
        share = (cpu_seconds() - before) / os.cpu_count()
        provenance = source.provenance()
    finally:
        source.stop()
    assert provenance.cpu_method == "calibrated_model"
    assert provenance.idle_method == "calibrated"
    assert provenance.cpu_rated_watts == 100.0
    assert provenance.ram_method == "configured"
    assert used.cpu_j == pytest.approx(70.0 * share, rel=0.15)
    assert used.idle_j == pytest.approx(30.0 * share, rel=0.15)
    assert used.ram_j == 0.0
    assert used.gpu_j == 0.0


def test_short_trials_get_energy_and_readings_never_fall() -> None:
    source = ShareSource(OwnShares(CodeCarbonHost("FRA", pue=1.5, cpu_watts=50.0)))
    source.start()
    try:
        readings = []
        before = cpu_seconds()
        for _ in range(60):
            burn(0.01)
            readings.append(source.read())
        share = (cpu_seconds() - before) / os.cpu_count()
        assert source.provenance().pue == 1.5
        assert source.provenance().idle_method == "rated_share"
    finally:
        source.stop()
    for before, after in itertools.pairwise(readings):
        assert all(new >= old for new, old in zip(after, before, strict=True))
    total = readings[-1].cpu_j + readings[-1].idle_j
    assert total == pytest.approx(1.5 * 50.0 * share, rel=0.2)


def test_a_tracker_that_breaks_leaves_rows_that_say_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise OSError("hardware gone")

    monkeypatch.setattr("codecarbon.external.ram.RAM.measure_power_and_energy", broken)
    rows: list[EnergyRow] = []
    with caplog.at_level(logging.WARNING), create_meter(sink=rows.append):
        burn(0.05)
    assert rows
    assert {row.provenance.cpu_method for row in rows} == {"unavailable"}
    assert sum(row.total_mj for row in rows) == 0
    assert "energy cannot be read" in caplog.text


def test_a_second_meter_follows_the_first(isolated: Path) -> None:
    for _ in range(2):
        with create_meter() as meter, meter.phase("predict") as span:
            burn(0.05)
        assert span.energy_mj > 0


def test_an_unknown_country_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="alpha-3"):
        create_meter("Germany")
    with create_meter("DEU", carbon_g_per_kwh=50.0) as meter:
        assert isinstance(meter, EnergyMeter)


def test_importing_the_ledger_loads_neither_codecarbon_nor_torch() -> None:
    code = (
        "import sys, autopq.energy\n"
        "print([name for name in ('codecarbon', 'torch', 'pandas') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
