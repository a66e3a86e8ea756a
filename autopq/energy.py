"""`EnergyMeter`: what a process's electricity went into, and how each figure was obtained.

The meter keeps a ledger of disjoint intervals. Every `EnergyRow` is one interval, with the phase
and, inside a trial, the trial it belongs to; so any grouping is a plain sum of rows, and sums are
exact because rows hold whole millijoules.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

CpuMethod = Literal["rapl", "load_model", "constant_model", "synthetic"]
GpuMethod = Literal["nvml", "none", "counter_missing", "synthetic"]
RamMethod = Literal["dimm_model", "rapl_dram", "synthetic"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the figures of a row were obtained."""

    cpu_method: CpuMethod
    gpu_method: GpuMethod
    ram_method: RamMethod
    measured: bool  # True only if every non-zero part comes from a counter
    country: str
    carbon_g_per_kwh: float
    pue: float
    tool: str  # name and version


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
