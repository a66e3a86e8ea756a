"""`HostSource`: what a whole machine draws, told by one source for all that runs on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from autopq.energy.ledger import Provenance


class HostReading(NamedTuple):
    """Of the whole machine since the source was started; no figure ever falls. Joules include
    the PUE."""

    cpu_j: float  # above idle
    idle_j: float  # of the CPUs, drawn whether there is work or not
    ram_j: float
    gpu_j: tuple[float, ...]  # of each device
    busy_s: float  # CPU seconds of all processes
    capacity_s: float  # CPU seconds there were: cores x time


class HostSource(Protocol):
    """Cumulative energy of a machine. Every method may raise."""

    @property
    def memory_bytes(self) -> int:
        """Memory of the machine."""

    def start(self) -> None: ...

    def read(self) -> HostReading: ...

    def gpu_users(self, pids: frozenset[int]) -> list[frozenset[int]]:
        """Which of these processes hold each device."""

    def provenance(self) -> Provenance:
        """How the readings are obtained; known once started."""

    def stop(self) -> None: ...


_NOTHING = HostReading(0.0, 0.0, 0.0, (), 0.0, 0.0)


@dataclass(slots=True)
class SyntheticHost:
    """A known machine: `watts` says what it draws at a share of busy cores, in `cpu`, `idle`,
    `ram` and `gpu`. Time comes from `clock`, work from `busy_s`. For tests and demonstrations."""

    clock: Callable[[], float]
    busy_s: Callable[[], float]
    cores: int = 2
    memory_bytes: int = 16 * 2**30
    watts: Callable[[float], Mapping[str, float]] = lambda load: {
        "cpu": 90.0 * load,
        "idle": 10.0,
        "ram": 20.0,
    }
    gpu_holders: tuple[frozenset[int], ...] = ()
    _at: float = 0.0
    _reading: HostReading = _NOTHING

    def start(self) -> None:
        self._at = self.clock()
        devices = (0.0,) * len(self.gpu_holders)
        self._reading = HostReading(0.0, 0.0, 0.0, devices, self.busy_s(), 0.0)

    def read(self) -> HostReading:
        now, busy, last = self.clock(), self.busy_s(), self._reading
        seconds = now - self._at
        if seconds > 0:
            watts = self.watts((busy - last.busy_s) / (self.cores * seconds))
            self._at = now
            self._reading = HostReading(
                last.cpu_j + watts.get("cpu", 0.0) * seconds,
                last.idle_j + watts.get("idle", 0.0) * seconds,
                last.ram_j + watts.get("ram", 0.0) * seconds,
                tuple(joules + watts.get("gpu", 0.0) * seconds for joules in last.gpu_j),
                busy,
                last.capacity_s + self.cores * seconds,
            )
        return self._reading

    def gpu_users(self, pids: frozenset[int]) -> list[frozenset[int]]:
        return [pids & holders for holders in self.gpu_holders]

    def provenance(self) -> Provenance:
        return Provenance(
            cpu_method="synthetic",
            gpu_method="synthetic",
            ram_method="synthetic",
            measured=False,
            country="DEU",
            carbon_g_per_kwh=400.0,
            pue=1.0,
            tool="synthetic",
            carbon_source="synthetic",
            idle_method="synthetic",
            attribution="process_share",
        )

    def stop(self) -> None:
        return None
