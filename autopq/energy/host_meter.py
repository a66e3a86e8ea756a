"""`HostMeter`: splits what a machine draws between the process trees that run on it."""

import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Generic, NamedTuple, Protocol, TypeVar

from autopq.energy.host import HostReading, HostSource
from autopq.energy.process_tree import TreeUse
from autopq.energy.split import largest_remainder

_BIRTH_ROUNDING_S = 1.0  # a kernel tells its own start, and so all births, in whole seconds

Owner = TypeVar("Owner", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Parts:
    """Whole millijoules, by what drew them."""

    cpu_mj: int = 0
    gpu_mj: int = 0
    ram_mj: int = 0
    idle_mj: int = 0

    @property
    def total_mj(self) -> int:
        return self.cpu_mj + self.gpu_mj + self.ram_mj + self.idle_mj

    def __add__(self, other: "Parts") -> "Parts":
        return Parts(*(getattr(self, n) + getattr(other, n) for n in PARTS))

    def __sub__(self, other: "Parts") -> "Parts":
        return Parts(*(getattr(self, n) - getattr(other, n) for n in PARTS))

    def at_least(self, other: "Parts") -> "Parts":
        """The larger of both, part by part."""
        return Parts(*(max(getattr(self, n), getattr(other, n)) for n in PARTS))

    def at_most(self, other: "Parts") -> "Parts":
        """The smaller of both, part by part."""
        return Parts(*(min(getattr(self, n), getattr(other, n)) for n in PARTS))

    @staticmethod
    def sum(parts: Iterable["Parts"]) -> "Parts":
        total = Parts()
        for one in parts:
            total += one
        return total


PARTS = tuple(field.name for field in fields(Parts))


class Tree(Protocol):
    """What is asked of a process tree; see `ProcessTree`."""

    @property
    def created_at(self) -> float: ...

    def use(self, without: frozenset[int] = frozenset()) -> TreeUse: ...


@dataclass(frozen=True, slots=True)
class Interval(Generic[Owner]):
    """One sample: `host` is exactly the sum of `shares` and `rest`."""

    seconds: float
    host: Parts
    shares: dict[Owner, Parts]
    rest: Parts  # what others drew, and idle cores
    shared_gpu: frozenset[Owner]  # owners whose device was held by another one too


class Rates(NamedTuple):
    """What carries a share on until the next sample."""

    cpu_j_per_s: float  # above idle, for a second of one core
    idle_j_per_s: float  # idle power that goes with it
    gpu_watts: float = 0.0
    ram_watts: float = 0.0


class HostMeter(Generic[Owner]):
    """One meter for a machine. Each sample splits what was drawn since the last one:

    - CPU above idle: by CPU time, the time of all other processes being one more share;
    - idle power of the CPUs: by CPU time over all there was, so idle cores are nobody's;
    - memory: by the private memory of a tree over that of the machine;
    - each GPU: to the owners that hold it, in equal parts if several do, to nobody if none does.

    Shares are whole millijoules and add up exactly (largest remainder). Not thread-safe.
    """

    def __init__(self, source: HostSource) -> None:
        self._source = source
        self._trees: dict[Owner, Tree] = {}
        self._last_of: set[Owner] = set()  # owners that are counted after all others
        self._used: dict[Owner, float] = {}
        self._reading = HostReading(0.0, 0.0, 0.0, (), 0.0, 0.0)
        self._taken = Parts()
        self._sampled_at = 0.0
        self._wall = 0.0
        self._watts: dict[Owner, tuple[float, float]] = {}
        self._cpu_rates = Rates(0.0, 0.0)

    @property
    def sampled_at(self) -> float:
        """Of the last sample, on the monotonic clock."""
        return self._sampled_at

    @property
    def owners(self) -> list[Owner]:
        return list(self._trees)

    def start(self) -> None:
        self._source.start()
        self._reading = self._source.read()
        self._taken = _whole(self._reading)
        self._sampled_at, self._wall = time.monotonic(), time.time()

    def add(self, owner: Owner, tree: Tree, *, around: bool = False) -> None:
        """Give a tree its share from now on; from its birth if it began after the last sample.
        `around`: the tree may hold others' trees, which are not counted with it."""
        born_since = tree.created_at >= self._wall - _BIRTH_ROUNDING_S
        self._used[owner] = 0.0 if born_since else tree.use(self._apart(owner, around)).cpu_s
        self._trees[owner] = tree
        if around:
            self._last_of.add(owner)

    def remove(self, owner: Owner) -> None:
        for known in (self._trees, self._used, self._watts):
            known.pop(owner, None)
        self._last_of.discard(owner)

    def cpu_seconds(self, owner: Owner) -> float:
        """Of the owner's tree, at the last sample."""
        return self._used[owner]

    def rates(self, owner: Owner) -> Rates:
        gpu, ram = self._watts.get(owner, (0.0, 0.0))
        return self._cpu_rates._replace(gpu_watts=gpu, ram_watts=ram)

    def sample(self) -> Interval[Owner]:
        """Split what was drawn since the last sample. Raises what the source raises."""
        reading = self._source.read()
        uses = self._uses()
        now, wall = time.monotonic(), time.time()
        seconds = now - self._sampled_at
        taken = _whole(reading)
        drawn, last = taken - self._taken, self._reading
        owners = list(self._trees)
        times = [max(uses[owner].cpu_s - self._used[owner], 0.0) for owner in owners]
        busy = max(reading.busy_s - last.busy_s, sum(times))
        capacity = max(reading.capacity_s - last.capacity_s, busy)
        memories = [float(uses[owner].memory_bytes) for owner in owners]
        gpu, shared = self._gpu_shares(owners, uses, reading)
        columns = [
            _split(drawn.cpu_mj, times, busy),
            gpu,
            _split(drawn.ram_mj, memories, max(self._source.memory_bytes, sum(memories))),
            _split(drawn.idle_mj, times, capacity),
        ]
        shares = [Parts(*row) for row in zip(*columns, strict=True)]
        self._keep(reading, taken, uses, now, wall)
        self._set_rates(owners, shares, drawn, seconds, busy, capacity)
        return Interval(
            seconds, drawn, dict(zip(owners, shares, strict=False)), shares[-1], frozenset(shared)
        )

    def _uses(self) -> dict[Owner, TreeUse]:
        apart = {o: tree.use() for o, tree in self._trees.items() if o not in self._last_of}
        pids = frozenset().union(*(use.pids for use in apart.values()))
        around = {o: self._trees[o].use(pids) for o in self._trees if o in self._last_of}
        return apart | around

    def _apart(self, owner: Owner, around: bool) -> frozenset[int]:
        if not around:
            return frozenset()
        others = [tree for known, tree in self._trees.items() if known != owner]
        return frozenset().union(*(tree.use().pids for tree in others))

    def _gpu_shares(
        self, owners: Sequence[Owner], uses: dict[Owner, TreeUse], reading: HostReading
    ) -> tuple[list[int], set[Owner]]:
        shares, shared = [0] * (len(owners) + 1), set()
        if reading.gpu_j:
            pids = frozenset().union(*(use.pids for use in uses.values()))
            users = self._source.gpu_users(pids)
            before = self._reading.gpu_j or (0.0,) * len(reading.gpu_j)
            for holders, joules, old in zip(users, reading.gpu_j, before, strict=True):
                own = [float(bool(uses[owner].pids & holders)) for owner in owners]
                device_mj = round(joules * 1000) - round(old * 1000)
                parts = _split(device_mj, own, max(sum(own), 1.0))
                shares = [sum(pair) for pair in zip(shares, parts, strict=True)]
                if sum(own) > 1:
                    shared |= {o for o, holds in zip(owners, own, strict=True) if holds}
        return shares, shared

    def _keep(
        self,
        reading: HostReading,
        taken: Parts,
        uses: dict[Owner, TreeUse],
        now: float,
        wall: float,
    ) -> None:
        self._reading, self._taken = reading, taken
        self._sampled_at, self._wall = now, wall
        for owner, use in uses.items():
            self._used[owner] = max(use.cpu_s, self._used[owner])

    def _set_rates(
        self,
        owners: Sequence[Owner],
        shares: Sequence[Parts],
        drawn: Parts,
        seconds: float,
        busy: float,
        capacity: float,
    ) -> None:
        if seconds <= 0:
            return
        cpu = drawn.cpu_mj / 1000 / busy if busy > 0 else self._cpu_rates.cpu_j_per_s
        idle = drawn.idle_mj / 1000 / capacity if capacity > 0 else self._cpu_rates.idle_j_per_s
        self._cpu_rates = Rates(cpu, idle)
        for owner, share in zip(owners, shares, strict=False):
            self._watts[owner] = (share.gpu_mj / 1000 / seconds, share.ram_mj / 1000 / seconds)


def _split(total: int, own: Sequence[float], whole: float) -> list[int]:
    """Shares of `total` for each of `own`, and last for the rest of `whole`."""
    rest = max(whole - sum(own), 0.0)
    if sum(own) + rest <= 0:
        return [*([0] * len(own)), total]
    return largest_remainder(total, [*own, rest])


def _whole(reading: HostReading) -> Parts:
    """Cumulative whole millijoules: their differences add up exactly."""
    return Parts(
        round(reading.cpu_j * 1000),
        sum(round(joules * 1000) for joules in reading.gpu_j),
        round(reading.ram_j * 1000),
        round(reading.idle_j * 1000),
    )
