"""What a process's electricity went into, and how each figure was obtained.

The meter keeps a ledger of disjoint intervals. Every `EnergyRow` is one interval, with the phase
and, inside a trial, the trial it belongs to; so any grouping is a plain sum of rows, and sums are
exact because rows hold whole millijoules.
"""

from collections.abc import Callable

from autopq.energy.ledger import MJ_PER_WH, EnergyRow, Provenance
from autopq.energy.meter import OVERHEAD, EnergyMeter, RunningTrial, Span
from autopq.energy.share import OwnShares, ShareSource
from autopq.energy.source import EnergySource, Reading, SyntheticSource

__all__ = [
    "MJ_PER_WH",
    "OVERHEAD",
    "EnergyMeter",
    "EnergyRow",
    "EnergySource",
    "Provenance",
    "Reading",
    "RunningTrial",
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
    cpu_idle_watts: float | None = None,
    ram_watts: float | None = None,
    gpus: bool = True,
) -> EnergyMeter:
    """A meter of this process's share of what the machine draws. One at a time.

    `country_iso_code` (ISO 3166 alpha-3) chooses the yearly carbon factor unless
    `carbon_g_per_kwh` gives one. `cpu_watts` is the power of all CPUs at full load where no
    counter can be read and the built-in table is wrong; with it no counter is used.
    `cpu_idle_watts` is their power without load. `ram_watts` replaces the guess from the memory
    of the machine. `gpus=False` leaves GPUs out; otherwise `CUDA_VISIBLE_DEVICES` says which are
    counted.

    Raises InputError for a country without a known factor.
    """
    # CodeCarbon takes a while to import and is needed only where something is metered.
    from autopq.energy.codecarbon_host import CodeCarbonHost

    source = CodeCarbonHost(
        country_iso_code,
        carbon_g_per_kwh=carbon_g_per_kwh,
        pue=pue,
        cpu_watts=cpu_watts,
        cpu_idle_watts=cpu_idle_watts,
        ram_watts=ram_watts,
        gpus=gpus,
    )
    return EnergyMeter(ShareSource(OwnShares(source)), sink)
