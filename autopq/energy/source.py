"""`EnergySource`: where a meter's joules come from."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from autopq.energy.ledger import Provenance


class Reading(NamedTuple):
    """Joules used since the source was started; each part never falls."""

    cpu_j: float
    gpu_j: float
    ram_j: float
    idle_j: float = 0.0


class EnergySource(Protocol):
    """Cumulative energy of this process and all it starts. May be read from any thread,
    one at a time.

    Every method may raise: the meter then marks its rows as unavailable and goes on.
    """

    def start(self) -> None: ...

    def read(self) -> Reading: ...

    def provenance(self) -> Provenance:
        """How the readings are obtained; known once started."""

    def stop(self) -> None: ...


class SyntheticSource:
    """A known load: `watts(seconds since start)` of each part, integrated by the midpoint rule.

    For tests and demonstrations; its rows say `synthetic`.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        watts: Callable[[float], Mapping[str, float]] = lambda _: {"cpu": 1.0},
    ) -> None:
        self._clock = clock
        self._watts = watts
        self._started_at = 0.0
        self._read_at = 0.0
        self._reading = Reading(0.0, 0.0, 0.0)

    def start(self) -> None:
        self._started_at = self._read_at = self._clock()

    def read(self) -> Reading:
        now = self._clock()
        seconds = now - self._read_at
        watts = self._watts((now + self._read_at) / 2 - self._started_at)
        self._reading = Reading(
            self._reading.cpu_j + watts.get("cpu", 0.0) * seconds,
            self._reading.gpu_j + watts.get("gpu", 0.0) * seconds,
            self._reading.ram_j + watts.get("ram", 0.0) * seconds,
            self._reading.idle_j + watts.get("idle", 0.0) * seconds,
        )
        self._read_at = now
        return self._reading

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
        )

    def stop(self) -> None:
        return None
