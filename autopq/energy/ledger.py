"""The rows of the energy ledger: what an interval took, and how each figure was obtained."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MJ_PER_WH = 3_600_000

CpuMethod = Literal[
    "rapl",  # counter of the whole CPU package
    "platform_counter",  # meter of the operating system (macOS, Windows) or board
    "calibrated_model",  # load and idle power that were measured once x busy share of all cores
    "load_model",  # rated power from a table x busy share of all cores
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


IdleMethod = Literal[
    "calibrated",  # measured once on this machine, or given by the operator
    "lowest_seen",  # the lowest power of the counter so far
    "rated_share",  # a tenth of the rated power
    "unavailable",
    "synthetic",
]
Attribution = Literal[
    "process_share",  # of one figure for the whole machine, split by CPU time and memory
    "shared_gpu",  # likewise, and a GPU was held by several at once
    "none",
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
    cpu_rated_watts: float | None = None  # power at full load used by a model; None with a counter
    idle_method: IdleMethod = "unavailable"
    attribution: Attribution = "none"
    sampling_s: float = 0.0  # seconds between two samples of the machine


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """Electricity of one interval of one label, in whole millijoules (1 Wh = 3 600 000 mJ).

    `idle_mj` is the part of the CPUs' idle power that goes with the CPU time used; `cpu_mj` is
    what they drew above it.
    """

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
    idle_mj: int = 0

    @property
    def total_mj(self) -> int:
        return self.cpu_mj + self.gpu_mj + self.ram_mj + self.idle_mj
