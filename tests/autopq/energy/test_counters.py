"""Machines with counters, pretended: a powercap folder for the CPU, an NVML library for the GPU.

What is real is everything above the files and library calls.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from codecarbon.core import cpu, gpu, gpu_nvidia, hardware_cache
from codecarbon.external import hardware

from autopq.energy import EnergyMeter, EnergyRow
from autopq.energy.calibration import calibrate
from autopq.energy.codecarbon_host import CodeCarbonHost
from autopq.energy.share import OwnShares, ShareSource
from autopq.errors import InputError

WINDOW = 0.55  # long enough to tell idle power from work


@pytest.fixture(autouse=True)
def fresh_hardware() -> Iterator[None]:
    """CodeCarbon probes the hardware once a process; here it changes with every test."""
    hardware_cache.clear_cache()
    yield
    hardware_cache.clear_cache()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The energy counter of one CPU package, in microjoules."""
    domain = tmp_path / "intel-rapl" / "intel-rapl:0"
    domain.mkdir(parents=True)
    (domain / "name").write_text("package-0")
    (domain / "max_energy_range_uj").write_text("262143328850")
    (domain / "energy_uj").write_text("5000000000")
    base = str(tmp_path / "intel-rapl")

    class Powercap(cpu.IntelRAPL):
        def __init__(self, rapl_dir: str = base, **options: Any) -> None:
            super().__init__(rapl_dir=base, **options)

    monkeypatch.setattr(cpu, "is_rapl_available", lambda *_: True)
    monkeypatch.setattr(cpu, "_get_candidate_bases", lambda _: [base])
    monkeypatch.setattr(hardware, "IntelRAPL", Powercap)
    return domain / "energy_uj"


class Nvml:
    """The calls of NVML that CodeCarbon makes, for one device."""

    NVMLError = NVMLError_NotSupported = type("NVMLError", (Exception,), {})

    def __init__(self) -> None:
        self.energy_mj: int | None = 1_000_000
        self.power_mw: int | None = 300_000

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": 0,
            "nvmlDeviceGetName": "Pretended GPU",
            "nvmlDeviceGetUUID": "GPU-0",
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=1, free=1, used=0),
            "nvmlDeviceGetEnforcedPowerLimit": 700_000,
            "nvmlDeviceGetTemperature": 40,
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=50),
            "nvmlDeviceGetComputeMode": 0,
            "nvmlDeviceGetComputeRunningProcesses": [],
            "nvmlDeviceGetGraphicsRunningProcesses": [],
            "nvmlDeviceGetTotalEnergyConsumption": self.energy_mj,
            "nvmlDeviceGetPowerUsage": self.power_mw,
        }
        if name == "NVML_TEMPERATURE_GPU":
            return 0

        def call(*_: object) -> Any:
            if answers[name] is None and name != "nvmlInit":
                raise self.NVMLError(name)
            return answers[name]

        return call


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    library = Nvml()
    monkeypatch.setattr(gpu_nvidia, "pynvml", library)
    monkeypatch.setattr(gpu, "PYNVML_AVAILABLE", True)
    monkeypatch.setattr(gpu, "is_nvidia_system", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return library


@pytest.fixture
def start() -> Iterator[Callable[..., CodeCarbonHost]]:
    started: list[CodeCarbonHost] = []

    def make(**options: Any) -> CodeCarbonHost:
        source = CodeCarbonHost("DEU", **options)
        source.start()
        started.append(source)
        return source

    yield make
    for source in started:
        source.stop()


def add(counter: Path, joules: float) -> None:
    fresh = counter.with_name("fresh")
    fresh.write_text(str(int(counter.read_text()) + round(joules * 1e6)))
    fresh.replace(counter)  # a reader sees the old or the new figure


def test_package_counter_is_read_and_said(package: Path, start: Any) -> None:
    source = start()
    add(package, 40.0)
    time.sleep(WINDOW)
    reading = source.read()
    assert reading.cpu_j + reading.idle_j == pytest.approx(40.0, rel=0.001)
    provenance = source.provenance()
    assert provenance.cpu_method == "rapl"
    assert provenance.idle_method == "lowest_seen"
    assert provenance.cpu_rated_watts is None
    assert not provenance.measured  # the memory's share is a rule of thumb


def test_the_lowest_power_of_a_counter_is_idle_power(package: Path, start: Any) -> None:
    source = start()
    add(package, 10.0)
    time.sleep(WINDOW)
    quiet = source.read()
    add(package, 90.0)
    time.sleep(WINDOW)
    busy = source.read()
    assert quiet.cpu_j == 0.0
    assert busy.idle_j - quiet.idle_j == pytest.approx(10.0, rel=0.2)
    assert busy.cpu_j + busy.idle_j == pytest.approx(100.0, rel=0.001)


def test_given_idle_power_is_told_apart_from_the_counter(package: Path, start: Any) -> None:
    source = start(cpu_idle_watts=20.0)
    began = time.perf_counter()
    add(package, 100.0)
    time.sleep(WINDOW)
    reading = source.read()
    assert reading.idle_j == pytest.approx(20.0 * (time.perf_counter() - began), rel=0.2)
    assert reading.cpu_j + reading.idle_j == pytest.approx(100.0, rel=0.001)
    assert source.provenance().cpu_method == "rapl"
    assert source.provenance().idle_method == "calibrated"


def test_a_rated_power_given_by_hand_is_used_in_place_of_the_counter(
    package: Path, start: Any
) -> None:
    assert start(cpu_watts=65.0).provenance().cpu_method == "load_model"


def test_a_counter_that_vanishes_is_no_measured_zero(package: Path) -> None:
    rows: list[EnergyRow] = []
    with EnergyMeter(ShareSource(OwnShares(CodeCarbonHost("DEU"))), rows.append) as meter:
        time.sleep(WINDOW)
        package.unlink()
        meter.flush()
    assert "unavailable" in {row.provenance.cpu_method for row in rows}
    assert "rapl" not in {row.provenance.cpu_method for row in rows if row.cpu_mj == 0}


def test_device_counter_is_read_and_said(nvml: Nvml, start: Any) -> None:
    source = start()
    nvml.energy_mj = 1_090_000
    time.sleep(WINDOW)
    assert source.read().gpu_j == (pytest.approx(90.0, rel=0.001),)
    assert source.provenance().gpu_method == "nvml"


def test_power_is_sampled_where_a_device_has_no_counter(nvml: Nvml, start: Any) -> None:
    nvml.energy_mj = None
    source = start()
    began = time.perf_counter()
    time.sleep(WINDOW)
    [joules] = source.read().gpu_j
    assert joules == pytest.approx(300.0 * (time.perf_counter() - began), rel=0.1)
    assert source.provenance().gpu_method == "sampled_power"


def test_a_device_that_tells_nothing_is_said_to_be_missing(nvml: Nvml, start: Any) -> None:
    nvml.energy_mj = nvml.power_mw = None
    source = start()
    time.sleep(WINDOW)
    assert source.read().gpu_j == (0.0,)
    provenance = source.provenance()
    assert provenance.gpu_method == "counter_missing"
    assert not provenance.measured


def test_devices_are_left_out_on_purpose(nvml: Nvml, start: Any) -> None:
    for _ in range(2):  # the second start takes the cached hardware
        source = start(gpus=False)
        nvml.energy_mj = (nvml.energy_mj or 0) + 90_000
        time.sleep(WINDOW)
        assert source.read().gpu_j == ()
        assert source.provenance().gpu_method == "none"


def test_calibration_reads_the_counter_at_rest_and_at_work(package: Path) -> None:
    """A counter that runs on by 20 W, and by 80 W more for each busy core."""
    stop = threading.Event()

    def run_on() -> None:
        last, busy = time.monotonic(), sum(psutil.cpu_times()[:3])
        while not stop.wait(0.02):
            at, used = time.monotonic(), sum(psutil.cpu_times()[:3])
            add(package, 20.0 * (at - last) + 80.0 * (used - busy))
            last, busy = at, used

    thread = threading.Thread(target=run_on)
    thread.start()
    try:
        found = calibrate(CodeCarbonHost("DEU", gpus=False), 1.5)
    finally:
        stop.set()
        thread.join()
    cores = os.cpu_count() or 1
    assert found.full_watts == pytest.approx(20.0 + 80.0 * cores * found.full_load, rel=0.2)
    assert found.idle_watts == pytest.approx(20.0 + 80.0 * cores * found.idle_load, rel=0.3)
    assert found.full_load > 0.8


def test_calibration_without_a_counter_is_refused(package: Path) -> None:
    with pytest.raises(InputError, match="no energy counter"):
        calibrate(CodeCarbonHost("DEU", cpu_watts=10.0), 1.0)
