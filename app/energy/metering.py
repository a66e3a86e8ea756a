"""The meter of a worker: its share of the machine, as the service's one meter finds it."""

import socket
from collections.abc import Callable
from pathlib import Path

import structlog

from app.settings import Settings
from autopq.energy import EnergyMeter, EnergyRow
from autopq.energy.board import BoardShares
from autopq.energy.host import HostSource
from autopq.energy.ledger import Provenance
from autopq.energy.share import OwnShares, Share, Shares, ShareSource

log = structlog.get_logger(__name__)


def board_path(settings: Settings) -> Path:
    return settings.storage.energy / f"{socket.gethostname()}.json"


def host_source(settings: Settings) -> HostSource:
    """This machine's counters and models, as the settings describe it."""
    from autopq.energy.codecarbon_host import CodeCarbonHost

    return CodeCarbonHost(
        settings.country_iso_code,
        carbon_g_per_kwh=settings.carbon_g_per_kwh,
        pue=settings.pue,
        cpu_watts=settings.cpu_watts,
        cpu_idle_watts=settings.cpu_idle_watts,
        ram_watts=settings.ram_watts,
        sampling_s=settings.energy_sample_seconds,
    )


def worker_meter(settings: Settings, sink: Callable[[EnergyRow], None]) -> EnergyMeter:
    return EnergyMeter(ShareSource(_WorkerShares(settings)), sink)


class _WorkerShares:
    """From the board; from a look of its own at the machine where no board appears."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._shares: Shares = BoardShares(board_path(settings))

    def start(self) -> None:
        if self._settings.engine == "ray":
            self._start_own()  # the machine's meter knows no workers that Ray started
            return
        try:
            self._shares.start()
        except OSError:
            log.warning("the machine's meter does not run; this worker meters its own share")
            self._start_own()

    def _start_own(self) -> None:
        self._shares = OwnShares(host_source(self._settings))
        self._shares.start()

    def latest(self) -> Share:
        return self._shares.latest()

    def provenance(self) -> Provenance:
        return self._shares.provenance()

    def stop(self) -> None:
        self._shares.stop()
