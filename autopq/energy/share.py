"""A process's share of its machine, carried on between two samples of the machine."""

import os
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from autopq.energy.host import HostSource
from autopq.energy.host_meter import HostMeter, Parts, Rates
from autopq.energy.ledger import Provenance
from autopq.energy.process_tree import ProcessTree
from autopq.energy.source import Reading

# Readings closer than this share a sample: each walks the process table, 1-2 ms of CPU time, and
# the kernel's ticks of 10 ms would make shorter windows mostly noise.
MIN_WINDOW_S = 0.5
FIRST_WINDOW_S = 0.05  # until there was one sample, nothing is known to carry on by


@dataclass(frozen=True, slots=True)
class Share:
    """What a process tree was found to have drawn when the machine was last sampled."""

    drawn: Parts
    sampled_at: float  # on the monotonic clock, which all processes of a machine share
    cpu_s: float  # CPU seconds of the tree by then
    rates: Rates
    provenance: Provenance


class Shares(Protocol):
    """Where a process's share is told."""

    def start(self) -> None: ...

    def latest(self) -> Share:
        """May sample the machine. Raises when it cannot be known."""

    def provenance(self) -> Provenance: ...

    def stop(self) -> None: ...


class ShareSource:
    """An `EnergySource`: the latest share, carried on by the CPU time used since, at the rates of
    the interval before. What was carried on too far is taken back by standing still, so no part
    ever falls, and the next sample settles the difference."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._tree = ProcessTree()
        self._latest = Reading(0.0, 0.0, 0.0, 0.0)

    def start(self) -> None:
        self._shares.start()

    def read(self) -> Reading:
        share = self._shares.latest()
        used = max(self._tree.cpu_seconds() - share.cpu_s, 0.0)
        waited = max(time.monotonic() - share.sampled_at, 0.0)
        carried = (
            share.drawn.cpu_mj / 1000 + used * share.rates.cpu_j_per_s,
            share.drawn.gpu_mj / 1000 + waited * share.rates.gpu_watts,
            share.drawn.ram_mj / 1000 + waited * share.rates.ram_watts,
            share.drawn.idle_mj / 1000 + used * share.rates.idle_j_per_s,
        )
        self._latest = Reading(*map(max, self._latest, carried))
        return self._latest

    def provenance(self) -> Provenance:
        return self._shares.provenance()

    def stop(self) -> None:
        self._shares.stop()


class OwnShares:
    """This process samples the machine itself: where no service does it for all."""

    def __init__(self, source: HostSource, *, window: float = MIN_WINDOW_S) -> None:
        self._source = source
        self._window = min(window, FIRST_WINDOW_S)
        self._next_window = window
        self._meter: HostMeter[int] = HostMeter(source)
        self._drawn = Parts()
        self._lock = threading.Lock()

    def start(self) -> None:
        self._meter.start()
        self._meter.add(os.getpid(), ProcessTree())

    def latest(self) -> Share:
        own = os.getpid()
        with self._lock:
            if time.monotonic() - self._meter.sampled_at >= self._window:
                self._drawn += self._meter.sample().shares[own]
                self._window = self._next_window
            return Share(
                self._drawn,
                self._meter.sampled_at,
                self._meter.cpu_seconds(own),
                self._meter.rates(own),
                self._source.provenance(),
            )

    def provenance(self) -> Provenance:
        return self._source.provenance()

    def stop(self) -> None:
        self._source.stop()
