"""The rows of the energy ledger: what an interval took, and how each figure was obtained."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MJ_PER_WH = 3_600_000

CpuMethod = Literal[
    "rapl",  # counter of the whole CPU package
    "platform_counter",  # meter of the operating system (macOS, Windows) or board
    "load_model",  # rated power x this process's share of all cores
    "constant_model",  # half the rated power, whatever the load
    "unavailable",  # nothing could be read: the row's zero is not a measurement
    "synthetic",
]
GpuMethod = Literal[
    "nvml",  # energy counter of the device
    "sampled_power",  # power readings once a second, for devices without a counter
    "counter_missing",  # a device is there but tells neither energy nor power
    "none",  # no device, or devices left out on purpose
    "unavailable",
    "synthetic",
]
RamMethod = Literal[
    "dimm_model",  # 5 W per memory module guessed from the memory in use
    "configured",  # constant power given by the operator
    "board_sensor",
    "unavailable",
    "synthetic",
]


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the figures of a row were obtained."""

    cpu_method: CpuMethod
    gpu_method: GpuMethod
    ram_method: RamMethod
    measured: bool  # True only if every non-zero part comes from a counter
    country: str  # ISO 3166 alpha-3 code; empty when the factor was given or nothing is known
    carbon_g_per_kwh: float
    pue: float  # power usage effectiveness, already multiplied into the energies
    tool: str  # name and version
    carbon_source: str = ""  # where the carbon factor comes from, with its year
    cpu_rated_watts: float | None = None  # rated power used by a model; None with a counter


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """Electricity of one interval of one process, in whole millijoules (1 Wh = 3 600 000 mJ)."""

    started_at: datetime
    ended_at: datetime
    phase: str
    trial: str | None
    forecaster: str | None
    quantile_model: str | None
    training_method: str | None
    cpu_mj: int
    gpu_mj: int
    ram_mj: int
    provenance: Provenance

    @property
    def total_mj(self) -> int:
        return self.cpu_mj + self.gpu_mj + self.ram_mj
