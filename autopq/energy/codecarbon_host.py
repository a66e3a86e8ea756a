"""`CodeCarbonHost`: a machine's energy by CodeCarbon, offline and without side effects.

CodeCarbon's tracker is built for scripts: it writes a CSV, may lock, install signal handlers and
call a network, measures from a timer thread without a lock, and hides its own failures. The
subclass below switches all of that off or turns it into errors. What it reads of the tracker's
private state is gathered in this module.
"""

import logging
import os
import threading
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from codecarbon import OfflineEmissionsTracker
from codecarbon.external.hardware import CPU, GPU, AppleSiliconChip, Raspberry
from codecarbon.external.ram import RAM

from autopq.energy.carbon import carbon_intensity
from autopq.energy.host import HostReading
from autopq.energy.ledger import CpuMethod, GpuMethod, IdleMethod, Provenance, RamMethod

_TOOL = f"codecarbon {version('codecarbon')}"  # which reads a file to find it
_TIMER_S = 15.0  # reads hardware counters often enough that none wraps round twice
_SAMPLED_S = 1.0  # how old a sample of power may grow
_SETTLED_S = 0.5  # windows shorter than this say nothing about idle power
_IDLE_SHARE = 0.1  # of the rated power: CodeCarbon's floor for an idle machine
_J_PER_KWH = 3_600_000

_CPU_METHODS: dict[str, CpuMethod] = {
    "intel_rapl": "rapl",
    "intel_power_gadget": "platform_counter",
    "windows_emi": "platform_counter",
    "cpu_load": "load_model",
    "constant": "load_model",
}
_MODELLED = {"cpu_load", "constant"}
_COUNTERS = {"rapl", "platform_counter", "nvml", "board_sensor"}


class CodeCarbonHost:
    """Energy of the whole machine, in joules since `start`; see `HostSource`.

    CPU: the RAPL counter of the package where it can be read, of which the idle power is told
    apart; else idle power + (full power - idle power) x busy share of all cores. GPU: the NVML
    energy counter of each device, else its sampled power. RAM: 5 W per guessed module.
    """

    def __init__(
        self,
        country_iso_code: str,
        *,
        carbon_g_per_kwh: float | None = None,
        pue: float = 1.0,
        cpu_watts: float | None = None,
        cpu_idle_watts: float | None = None,
        ram_watts: float | None = None,
        gpus: bool = True,
        sampling_s: float = _SAMPLED_S,
    ) -> None:
        if carbon_g_per_kwh is None:
            self._carbon_g_per_kwh, self._carbon_source = carbon_intensity(country_iso_code)
        else:
            self._carbon_g_per_kwh, self._carbon_source = carbon_g_per_kwh, "given"
        self._country = country_iso_code.upper()
        self._pue = pue
        self._cpu_watts = cpu_watts
        self._given_idle_watts = cpu_idle_watts
        self._ram_watts = ram_watts
        self._gpus = gpus
        self._sampling_s = sampling_s
        self._tracker: _Tracker | None = None
        self._cores = os.cpu_count() or 1
        self._read_at = 0.0
        self._cpu_j = self._busy_s = 0.0
        self._lowest_watts: float | None = None
        self._reading = HostReading(0.0, 0.0, 0.0, (), 0.0, 0.0)
        self.memory_bytes = int(psutil.virtual_memory().total)

    def start(self) -> None:
        """Probe the hardware (about two seconds the first time in a process) and begin."""
        # Set before the tracker is built, which warns before it applies its own `log_level`.
        logging.getLogger("codecarbon").setLevel(logging.ERROR)
        self._tracker = _Tracker(
            count_gpus=self._gpus,
            **_options(self._country, self._pue, self._cpu_watts, self._ram_watts),
        )
        self._tracker.open()
        self._cpu_j, ram_j, gpu_j = self._tracker.joules()
        self._read_at, self._busy_s = time.perf_counter(), _busy_seconds()
        self._reading = HostReading(0.0, 0.0, ram_j, gpu_j, 0.0, 0.0)

    def read(self) -> HostReading:
        tracker = self._running()
        tracker.measure()
        now, busy_s = time.perf_counter(), _busy_seconds()
        cpu_j, ram_j, gpu_j = tracker.joules()
        seconds, busy = now - self._read_at, max(busy_s - self._busy_s, 0.0)
        _, full_watts = _cpu_method(tracker.hardware())
        if full_watts is None:
            drawn = max(cpu_j - self._cpu_j, 0.0)
            idle = min(self._idle_watts(drawn, seconds) * seconds, drawn)
        else:
            idle_watts = self._given_idle_watts
            floor = full_watts * _IDLE_SHARE if idle_watts is None else idle_watts
            share = min(busy / (self._cores * seconds), 1.0) if seconds > 0 else 0.0
            idle = floor * seconds * self._pue
            drawn = idle + max(full_watts - floor, 0.0) * share * seconds * self._pue
        last = self._reading
        self._reading = HostReading(
            last.cpu_j + drawn - idle,
            last.idle_j + idle,
            ram_j,
            gpu_j,
            last.busy_s + busy,
            last.capacity_s + self._cores * seconds,
        )
        self._read_at, self._busy_s, self._cpu_j = now, busy_s, cpu_j
        return self._reading

    def _idle_watts(self, joules: float, seconds: float) -> float:
        """Of a machine with a counter, PUE included."""
        if self._given_idle_watts is not None:
            return self._given_idle_watts * self._pue
        if seconds >= _SETTLED_S and joules > 0:
            self._lowest_watts = min(self._lowest_watts or float("inf"), joules / seconds)
        return self._lowest_watts or 0.0

    def gpu_users(self, pids: frozenset[int]) -> list[frozenset[int]]:
        """By the device files that a process has open: CUDA opens those of every device it may
        use, and they are to be seen in containers too, unlike the driver's list of processes."""
        files = {pid: _open_device_files(pid) for pid in pids}
        return [
            frozenset(pid for pid, names in files.items() if f"/dev/nvidia{minor}" in names)
            for minor in self._running().gpu_minors()
        ]

    def provenance(self) -> Provenance:
        hardware = self._running().hardware()
        cpu, full_watts = _cpu_method(hardware)
        if full_watts is not None and None not in (self._cpu_watts, self._given_idle_watts):
            cpu = "calibrated_model"
        gpu = _gpu_method(hardware)
        ram = _ram_method(hardware)
        parts = {cpu, gpu, ram} - {"none"}
        idle: IdleMethod = "rated_share" if full_watts is not None else "lowest_seen"
        return Provenance(
            cpu_method=cpu,
            gpu_method=gpu,
            ram_method=ram,
            measured=parts <= _COUNTERS,
            country=self._country,
            carbon_g_per_kwh=self._carbon_g_per_kwh,
            pue=self._pue,
            tool=_TOOL,
            carbon_source=self._carbon_source,
            cpu_rated_watts=full_watts,
            idle_method=idle if self._given_idle_watts is None else "calibrated",
            attribution="process_share",
            sampling_s=self._sampling_s,
        )

    def stop(self) -> None:
        if self._tracker is not None:
            self._tracker.close()
            self._tracker = None

    def _running(self) -> "_Tracker":
        if self._tracker is None:
            raise RuntimeError("the energy source is not running")
        return self._tracker


def _busy_seconds() -> float:
    """CPU time of all processes of the machine, in and out of the kernel."""
    times = psutil.cpu_times()
    names = ("user", "nice", "system", "irq", "softirq")
    return float(sum(getattr(times, name, 0.0) for name in names))


def _open_device_files(pid: int) -> frozenset[str]:
    found = set()
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(str(entry.readlink()))
    return frozenset(found)


def _options(
    country: str, pue: float, cpu_watts: float | None, ram_watts: float | None
) -> dict[str, Any]:
    """Every option of the tracker: one that is not given would be looked up in the environment
    and in configuration files of the home and working directories."""
    return {
        "project_name": "autopq",
        "country_iso_code": country,
        "country_2letter_iso_code": None,
        "region": None,
        "cloud_provider": None,
        "cloud_region": None,
        "tracking_mode": "machine",
        "measure_power_secs": _TIMER_S,
        "force_cpu_power": cpu_watts,
        "force_ram_power": ram_watts,
        "force_mode_cpu_load": False,
        "force_carbon_intensity_g_co2e_kwh": None,
        "rapl_include_dram": False,  # memory is counted by its own model
        "rapl_prefer_psys": False,
        "gpu_ids": None,
        "pue": pue,
        "wue": 0.0,
        # A lock would be a file in the temporary folder and handlers of SIGINT and SIGTERM.
        "allow_multiple_runs": True,
        "output_methods": [],
        "output_handlers": [],
        "output_dir": ".",
        "output_file": "emissions.csv",
        "on_csv_write": "append",
        "logging_logger": None,
        "log_level": "error",
        "logger_preamble": "",
        "metadata": None,
        "experiment_id": "",
        "experiment_name": "",
        "api_call_interval": -1,
        "api_endpoint": "",
        "api_key": "",
        "emissions_endpoint": None,
        "electricitymaps_api_token": "",  # None would be looked up under its old name
        "prometheus_url": "",
    }


class _Tracker(OfflineEmissionsTracker):
    """The tracker with its measurements serialised and its failures audible."""

    def __init__(self, *, count_gpus: bool, **options: Any) -> None:
        self._count_gpus = count_gpus
        self._measuring = threading.Lock()
        self._failure: Exception | None = None
        super().__init__(**options)

    def open(self) -> None:
        """Start, and raise what the tracker would only log."""
        self.start()
        if self._failure is not None:
            raise self._failure
        if not getattr(self, "_measure_occurrence", 0):
            raise RuntimeError("the energy tracker did not start")

    def measure(self) -> None:
        self._measure_power_and_energy()
        if self._failure is not None:
            raise self._failure

    def joules(self) -> tuple[float, float, tuple[float, ...]]:
        """Of the CPUs, the memory, and each GPU."""
        with self._measuring:
            return (
                self._total_cpu_energy.kWh * _J_PER_KWH,
                self._total_ram_energy.kWh * _J_PER_KWH,
                tuple(self._gpu_joules.values()),
            )

    def hardware(self) -> list[Any]:
        return list(self._hardware)

    def gpu_minors(self) -> list[int]:
        """Numbers of the devices, as in the names of their files."""
        return list(self._gpu_joules)

    def close(self) -> None:
        """End the timers. `stop` would also work out emissions, which is not this class's job."""
        timers: list[Any] = [self._scheduler, self._scheduler_monitor_power]
        for timer in timers:
            if timer is not None:
                timer.stop()

    def _initialize_hardware_tracking(self) -> None:
        super()._initialize_hardware_tracking()
        if not self._count_gpus:
            self._hardware = [part for part in self._hardware if not _is_gpu(part)]
        self._gpu_joules = {number: 0.0 for number, _ in _devices(self._hardware)}

    def _measure_power_and_energy(self) -> None:
        """Called by the timer and by `measure`, whose intervals would overlap without a lock."""
        with self._measuring:
            started_at = time.perf_counter()
            try:
                before = self._total_gpu_energy.kWh
                super()._measure_power_and_energy()
                self._add_gpu_joules((self._total_gpu_energy.kWh - before) * _J_PER_KWH)
                self._failure = _unread_counter(self._hardware)
            except Exception as error:
                self._failure = error
            # The base class counts from the end of a measurement and so loses its duration.
            self._last_measured_time = started_at

    def _add_gpu_joules(self, total: float) -> None:
        """Split what was just added to the total by device, whose own figures are without PUE."""
        joules = dict(_devices(self._hardware))
        whole = sum(joules.values())
        for number in self._gpu_joules:
            share = joules[number] / whole if whole > 0 else 1 / len(joules)
            self._gpu_joules[number] += total * share

    def _monitor_power(self) -> None:
        """Once a second, unless a measurement has just sampled the same. The base class also
        gathers utilisations that nobody reads here."""
        if time.perf_counter() - self._last_measured_time < _SAMPLED_S:
            return
        for part in self._hardware:
            if isinstance(part, GPU) or (isinstance(part, CPU) and part._mode not in _MODELLED):
                with suppress(Exception):  # a part that is broken is told by the measurement
                    part.monitor_power()


def _unread_counter(hardware: list[Any]) -> Exception | None:
    """A package counter that could not be read counts as nothing in CodeCarbon's sums."""
    for part in hardware:
        if isinstance(part, CPU) and part._mode == "intel_rapl":
            package: Any = part._intel_interface
            for counter in package._rapl_files:
                if counter.sample_skipped:
                    return OSError(f"the energy counter {counter.path} could not be read")
    return None


def _devices(hardware: list[Any]) -> list[tuple[int, float]]:
    """Number of each counted GPU, and the joules of its last measurement."""
    found = []
    for part in hardware:
        if isinstance(part, GPU):
            counted = set(part._get_gpu_ids())
            found += [
                (int(device.gpu_index), float(device.energy_delta.kWh) * _J_PER_KWH)
                for device in part.devices.devices
                if device.gpu_index in counted
            ]
        elif _is_gpu(part):
            found.append((0, 0.0))
    return found


def _is_gpu(part: Any) -> bool:
    return isinstance(part, GPU) or (isinstance(part, AppleSiliconChip) and part.chip_part == "GPU")


def _cpu_method(hardware: list[Any]) -> tuple[CpuMethod, float | None]:
    """The method, and the power at full load in watts where a model uses one."""
    for part in hardware:
        if isinstance(part, CPU):
            method = _CPU_METHODS.get(part._mode, "unavailable")
            return method, float(part._tdp) if part._mode in _MODELLED else None
        if isinstance(part, AppleSiliconChip | Raspberry) and part.chip_part == "CPU":
            return "platform_counter", None
    return "unavailable", None


def _gpu_method(hardware: list[Any]) -> GpuMethod:
    """The weakest method among the devices that are counted."""
    methods: set[GpuMethod] = set()
    for part in hardware:
        if isinstance(part, GPU):
            counted = set(part._get_gpu_ids())
            for device in part.devices.devices:
                if device.gpu_index not in counted:
                    continue
                if not device._use_power_fallback:
                    methods.add("nvml")
                elif device._warned_power_failure or device._warned_zero_power:
                    methods.add("counter_missing")
                else:
                    methods.add("sampled_power")
        elif _is_gpu(part):
            methods.add("sampled_power")
    weakest: tuple[GpuMethod, ...] = ("counter_missing", "sampled_power", "nvml")
    return next((method for method in weakest if method in methods), "none")


def _ram_method(hardware: list[Any]) -> RamMethod:
    for part in hardware:
        if isinstance(part, RAM):
            return "dimm_model" if part._force_ram_power is None else "configured"
        if isinstance(part, Raspberry) and part.chip_part == "RAM":
            return "board_sensor"
    return "unavailable"
