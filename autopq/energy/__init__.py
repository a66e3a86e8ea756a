"""What a process's electricity went into, and how each figure was obtained.

The meter keeps a ledger of disjoint intervals. Every `EnergyRow` is one interval, with the phase
and, inside a trial, the trial it belongs to; so any grouping is a plain sum of rows, and sums are
exact because rows hold whole millijoules.
"""

from collections.abc import Callable

from autopq.energy.ledger import MJ_PER_WH, EnergyRow, Provenance
from autopq.energy.meter import OVERHEAD, EnergyMeter, Span
from autopq.energy.source import EnergySource, Reading, SyntheticSource

__all__ = [
    "MJ_PER_WH",
    "OVERHEAD",
    "EnergyMeter",
    "EnergyRow",
    "EnergySource",
    "Provenance",
    "Reading",
    "Span",
    "SyntheticSource",
    "create_meter",
]


def create_meter(
    country_iso_code: str = "DEU",
    sink: Callable[[EnergyRow], None] | None = None,
    *,
    carbon_g_per_kwh: float | None = None,
    pue: float = 1.0,
    cpu_watts: float | None = None,
    ram_watts: float | None = None,
    gpus: bool = True,
) -> EnergyMeter:
    """A meter of this process on the counters and models of this machine. One at a time.

    `country_iso_code` (ISO 3166 alpha-3) chooses the yearly carbon factor unless
    `carbon_g_per_kwh` gives one. `cpu_watts` is the rated power of all CPUs where no counter can
    be read and the built-in table is wrong; with it no counter is used. `ram_watts` replaces the
    guess from the memory in use. `gpus=False` leaves GPUs out, for work that does not use the
    ones present; otherwise `CUDA_VISIBLE_DEVICES` says which are counted.

    Raises InputError for a country without a known factor.
    """
    # CodeCarbon takes a while to import and is needed only where something is metered.
    from autopq.energy.codecarbon_source import CodeCarbonSource

    source = CodeCarbonSource(
        country_iso_code,
        carbon_g_per_kwh=carbon_g_per_kwh,
        pue=pue,
        cpu_watts=cpu_watts,
        ram_watts=ram_watts,
        gpus=gpus,
    )
    return EnergyMeter(source, sink)
