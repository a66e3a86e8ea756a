"""How far a figure may be off, by how it was obtained.

The bands are bounds to reason with, not confidence levels: counters by their makers' statements
and published comparisons with external meters, models by what a table or rule of thumb can miss.
See `docs/energy.md`.
"""

from autopq.energy.host_meter import Parts

_COUNTER, _SAMPLED, _CALIBRATED, _TABLE = 0.05, 0.10, 0.20, 0.50
_SHARED = 0.15  # CPU time says little about instructions, caches and clocks of each second

_CPU = {
    "rapl": _COUNTER,
    "platform_counter": _SAMPLED,
    "calibrated_model": _CALIBRATED,
    "load_model": _TABLE,
    "synthetic": 0.0,
}
_GPU = {"nvml": _COUNTER, "sampled_power": _SAMPLED, "none": 0.0, "synthetic": 0.0}
_RAM = {"board_sensor": _SAMPLED, "configured": _CALIBRATED, "dimm_model": _TABLE, "synthetic": 0.0}
_UNKNOWN = 1.0


def error_mj(
    parts: Parts, *, cpu_method: str, gpu_method: str, ram_method: str, attribution: str
) -> float:
    """Half the width of the band around `parts.total_mj`. Errors of the parts are added, as they
    need not be independent."""
    split = _SHARED if attribution != "none" and cpu_method != "synthetic" else 0.0
    shared_gpu = 0.5 if attribution == "shared_gpu" else 0.0
    return (
        (parts.cpu_mj + parts.idle_mj) * (_CPU.get(cpu_method, _UNKNOWN) + split)
        + parts.gpu_mj * (_GPU.get(gpu_method, _UNKNOWN) + shared_gpu)
        + parts.ram_mj * _RAM.get(ram_method, _UNKNOWN)
    )
