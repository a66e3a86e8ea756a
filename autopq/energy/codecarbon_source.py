"""`CodeCarbonSource`: this process's energy by CodeCarbon, offline and without side effects.

CodeCarbon's tracker is built for scripts: it writes a CSV, may lock, install signal handlers and
call a network, measures from a timer thread without a lock, and hides its own failures. The
subclass below switches all of that off or turns it into errors. What it reads of the tracker's
private state is gathered in this module.
"""

import logging
import threading
import time
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from codecarbon import OfflineEmissionsTracker
from codecarbon.external.hardware import CPU, GPU, AppleSiliconChip, Raspberry
from codecarbon.external.ram import RAM

from autopq.energy.carbon import carbon_intensity
from autopq.energy.ledger import CpuMethod, GpuMethod, Provenance, RamMethod
from autopq.energy.process_tree import ProcessTree
from autopq.energy.source import Reading

# Boundaries closer than this share a measurement: each walks the process table, about 4 ms of
# CPU time, and the kernel's ticks of 10 ms would make shorter windows mostly noise.
MIN_WINDOW_S = 0.5
_TIMER_S = 15.0  # reads hardware counters often enough that none wraps round twice
_SAMPLED_S = 1.0  # how old a sample of power may grow
_J_PER_KWH = 3_600_000

_CPU_METHODS: dict[str, CpuMethod] = {
    "intel_rapl": "rapl",
    "intel_power_gadget": "platform_counter",
    "windows_emi": "platform_counter",
    "cpu_load": "load_model",
    "constant": "constant_model",
}
_COUNTERS = {"rapl", "platform_counter", "nvml", "board_sensor"}


class CodeCarbonSource:
    """Energy of this process and its children, in joules since `start`.

    CPU: the RAPL counter of the whole package where it can be read, else rated power times the
    share of all cores this process tree used. GPU: the NVML energy counter of each visible
    device, else its sampled power. RAM: 5 W per guessed memory module, never measured.
    """

    def __init__(
        self,
        country_iso_code: str,
        *,
        carbon_g_per_kwh: float | None = None,
        pue: float = 1.0,
        cpu_watts: float | None = None,
        ram_watts: float | None = None,
        gpus: bool = True,
    ) -> None:
        if carbon_g_per_kwh is None:
            self._carbon_g_per_kwh, self._carbon_source = carbon_intensity(country_iso_code)
        else:
            self._carbon_g_per_kwh, self._carbon_source = carbon_g_per_kwh, "given"
        self._country = country_iso_code.upper()
        self._pue = pue
        self._cpu_watts = cpu_watts
        self._ram_watts = ram_watts
        self._gpus = gpus
        self._tracker: _Tracker | None = None
        self._measured = self._latest = Reading(0.0, 0.0, 0.0)
        self._watts = [0.0, 0.0, 0.0]
        self._measured_at = 0.0
        self._cpu_time_at = 0.0
        self._j_per_cpu_s: float | None = None

    def start(self) -> None:
        """Probe the hardware (about two seconds the first time in a process) and begin."""
        # Set before the tracker is built, which warns before it applies its own `log_level`.
        logging.getLogger("codecarbon").setLevel(logging.ERROR)
        self._tracker = _Tracker(
            count_gpus=self._gpus,
            **_options(self._country, self._pue, self._cpu_watts, self._ram_watts),
        )
        self._tracker.open()
        self._measured = self._latest = self._tracker.joules()
        self._measured_at = time.perf_counter()
        self._cpu_time_at = time.process_time()
        self._j_per_cpu_s = self._tracker.joules_per_cpu_second(self._pue)

    def read(self) -> Reading:
        """Measured, or within `MIN_WINDOW_S` of a measurement carried on: the CPU model by this
        process's own CPU time, everything else at the power before. What was carried on too far
        is taken back by standing still, so no part ever falls."""
        if time.perf_counter() - self._measured_at >= MIN_WINDOW_S:
            self._measure(self._running())
        window = time.perf_counter() - self._measured_at
        carried = [watts * window for watts in self._watts]
        if self._j_per_cpu_s is not None:
            carried[0] = self._j_per_cpu_s * (time.process_time() - self._cpu_time_at)
        self._latest = Reading(
            *(
                max(last, measured + more)
                for last, measured, more in zip(self._latest, self._measured, carried, strict=True)
            )
        )
        return self._latest

    def _measure(self, tracker: "_Tracker") -> None:
        tracker.measure()
        now, joules = time.perf_counter(), tracker.joules()
        window = now - self._measured_at
        self._watts = [
            (new - old) / window for new, old in zip(joules, self._measured, strict=True)
        ]
        self._measured, self._measured_at = joules, now
        self._cpu_time_at = time.process_time()

    def provenance(self) -> Provenance:
        hardware = self._running().hardware()
        cpu, rated = _cpu_method(hardware)
        gpu = _gpu_method(hardware)
        ram = _ram_method(hardware)
        parts = {cpu, gpu, ram} - {"none"}
        return Provenance(
            cpu_method=cpu,
            gpu_method=gpu,
            ram_method=ram,
            measured=parts <= _COUNTERS,
            country=self._country,
            carbon_g_per_kwh=self._carbon_g_per_kwh,
            pue=self._pue,
            tool=f"codecarbon {version('codecarbon')}",
            carbon_source=self._carbon_source,
            cpu_rated_watts=rated,
        )

    def stop(self) -> None:
        if self._tracker is not None:
            self._tracker.close()
            self._tracker = None

    def _running(self) -> "_Tracker":
        if self._tracker is None:
            raise RuntimeError("the energy source is not running")
        return self._tracker


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
        "tracking_mode": "process",
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

    def joules(self) -> Reading:
        with self._measuring:
            return Reading(
                self._total_cpu_energy.kWh * _J_PER_KWH,
                self._total_gpu_energy.kWh * _J_PER_KWH,
                self._total_ram_energy.kWh * _J_PER_KWH,
            )

    def hardware(self) -> list[Any]:
        return list(self._hardware)

    def joules_per_cpu_second(self, pue: float) -> float | None:
        """What the load model charges for a second of one core; None where it is not in use."""
        for part in self._hardware:
            if isinstance(part, CPU) and part._mode == "cpu_load":
                return float(part._tdp * pue / part._cpu_count)
        return None

    def close(self) -> None:
        """End the timers. `stop` would also work out emissions, which is not this class's job."""
        timers: list[Any] = [self._scheduler, self._scheduler_monitor_power]
        for timer in timers:
            if timer is not None:
                timer.stop()

    def _initialize_hardware_tracking(self) -> None:
        super()._initialize_hardware_tracking()
        for part in self._hardware:
            if isinstance(part, CPU):
                processes: Any = part
                processes._get_process_cpu_times = ProcessTree().cpu_times
        if not self._count_gpus:
            self._hardware = [part for part in self._hardware if not _is_gpu(part)]

    def _measure_power_and_energy(self) -> None:
        """Called by the timer and by `measure`, whose intervals would overlap without a lock."""
        with self._measuring:
            started_at = time.perf_counter()
            try:
                super()._measure_power_and_energy()
                self._failure = _unread_counter(self._hardware)
            except Exception as error:
                self._failure = error
            # The base class counts from the end of a measurement and so loses its duration.
            self._last_measured_time = started_at

    def _monitor_power(self) -> None:
        """Once a second, unless a measurement has just sampled the same. The base class also
        gathers utilisations that nobody reads here."""
        if time.perf_counter() - self._last_measured_time < _SAMPLED_S:
            return
        for part in self._hardware:
            if isinstance(part, CPU | GPU):
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


def _is_gpu(part: Any) -> bool:
    return isinstance(part, GPU) or (isinstance(part, AppleSiliconChip) and part.chip_part == "GPU")


def _cpu_method(hardware: list[Any]) -> tuple[CpuMethod, float | None]:
    """The method, and the rated power in watts where a model uses one."""
    for part in hardware:
        if isinstance(part, CPU):
            method = _CPU_METHODS.get(part._mode, "unavailable")
            return method, float(part._tdp) if method.endswith("model") else None
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
