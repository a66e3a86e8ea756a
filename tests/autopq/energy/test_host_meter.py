"""One machine, several process trees: each share right, and all together exactly the machine."""

import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopq.energy.codecarbon_host import CodeCarbonHost
from autopq.energy.host import SyntheticHost
from autopq.energy.host_meter import HostMeter, Interval, Parts
from autopq.energy.process_tree import ProcessTree, TreeUse
from autopq.energy.split import largest_remainder

GIB = 2**30


@dataclass
class PretendedTree:
    """A tree whose use is told by the test."""

    cpu_s: float = 0.0
    memory_bytes: int = 0
    pids: frozenset[int] = frozenset()
    created_at: float = 0.0

    def use(self, without: frozenset[int] = frozenset()) -> TreeUse:
        return TreeUse(self.cpu_s, self.memory_bytes, self.pids - without)


@dataclass
class Machine:
    """Two cores, 100 W at full load, of which 10 W idle; time passes only when told to."""

    now: float = 0.0
    busy_s: float = 0.0
    trees: dict[str, PretendedTree] = field(default_factory=dict)

    def meter(self, **options: object) -> HostMeter[str]:
        meter: HostMeter[str] = HostMeter(
            SyntheticHost(lambda: self.now, lambda: self.busy_s, **options)
        )
        meter.start()
        for name, tree in self.trees.items():
            meter.add(name, tree)
        return meter

    def work(self, seconds: float, others: float = 0.0, **cores: float) -> None:
        self.now += seconds
        self.busy_s += others * seconds
        for name, busy in cores.items():
            self.trees[name].cpu_s += busy * seconds
            self.busy_s += busy * seconds


def is_exact(interval: Interval[str]) -> bool:
    return Parts.sum([*interval.shares.values(), interval.rest]) == interval.host


@given(
    st.integers(0, 10**15),
    st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=9).filter(any),
)
def test_parts_are_in_proportion_and_add_up(total: int, weights: list[float]) -> None:
    parts = largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert part == pytest.approx(total * (weight / sum(weights)), abs=1.01, rel=1e-12)


def test_nothing_says_whose_it_is_without_weights() -> None:
    with pytest.raises(ValueError, match="zero"):
        largest_remainder(5, [0.0, 0.0])


@pytest.mark.parametrize("cores_each", [1.0, 0.5, 0.05])
def test_equal_work_is_charged_equally_at_any_load(cores_each: float) -> None:
    machine = Machine(trees={"a": PretendedTree(), "b": PretendedTree()})
    meter = machine.meter()
    machine.work(10.0, a=cores_each, b=cores_each)
    interval = meter.sample()
    a, b = interval.shares["a"], interval.shares["b"]
    assert is_exact(interval)
    assert abs(a.total_mj - b.total_mj) <= 4
    load = cores_each
    assert a.cpu_mj == pytest.approx(10_000 * 90 * load / 2, abs=1)
    assert a.idle_mj == pytest.approx(10_000 * 10 * load / 2, abs=1)
    assert interval.rest.idle_mj == pytest.approx(10_000 * 10 * (1 - load), abs=2)


def test_the_work_of_others_is_not_ours() -> None:
    machine = Machine(trees={"a": PretendedTree(memory_bytes=4 * GIB)})
    meter = machine.meter()
    machine.work(10.0, others=1.5, a=0.5)
    interval = meter.sample()
    assert is_exact(interval)
    assert interval.shares["a"].cpu_mj == pytest.approx(interval.host.cpu_mj / 4, abs=1)
    assert interval.shares["a"].ram_mj == pytest.approx(interval.host.ram_mj / 4, abs=1)


def test_sums_stay_exact_over_odd_intervals_and_changing_owners() -> None:
    generator = random.Random(7)
    machine = Machine(trees={"a": PretendedTree(memory_bytes=GIB // 3)})
    meter = machine.meter(gpu_holders=(frozenset({1, 2}), frozenset({2})))
    host, drawn = Parts(), Parts()
    for step in range(200):
        name = f"job {step}"
        machine.trees[name] = PretendedTree(0.0, GIB // 7, frozenset({step % 3}), time.time() + 60)
        meter.add(name, machine.trees[name])
        busy = {name: generator.random() / 3, "a": generator.random()}
        machine.work(generator.random(), others=generator.random() / 2, **busy)
        interval = meter.sample()
        assert is_exact(interval)
        host += interval.host
        drawn += Parts.sum(interval.shares.values()) + interval.rest
        if step % 3:
            meter.remove(name)
    assert host == drawn
    assert host.total_mj > 0


def test_more_time_than_the_kernel_told_takes_nothing_from_the_sum() -> None:
    """Ticks of processes and of the machine are rounded differently."""
    machine = Machine(trees={"a": PretendedTree(), "b": PretendedTree()})
    meter = machine.meter()
    machine.work(1.0, a=1.0, b=1.0)
    machine.trees["a"].cpu_s += 0.1
    interval = meter.sample()
    assert is_exact(interval)
    assert interval.rest.cpu_mj == interval.rest.idle_mj == 0


def test_a_device_is_charged_to_who_holds_it_and_sharing_is_said() -> None:
    trees = {"a": PretendedTree(pids=frozenset({1})), "b": PretendedTree(pids=frozenset({2}))}
    machine = Machine(trees=trees)
    watts = {"gpu": 300.0, "idle": 10.0}
    holders = (frozenset({1}), frozenset({1, 2}), frozenset({99}))
    meter = machine.meter(watts=lambda _: watts, gpu_holders=holders)
    machine.work(10.0, a=1.0, b=1.0)
    interval = meter.sample()
    assert interval.shares["a"].gpu_mj == 3_000_000 + 1_500_000
    assert interval.shares["b"].gpu_mj == 1_500_000
    assert interval.rest.gpu_mj == 3_000_000
    assert interval.shared_gpu == {"a", "b"}
    assert is_exact(interval)


def test_a_tree_is_charged_from_its_birth_or_from_when_it_was_added() -> None:
    machine = Machine()
    meter = machine.meter()
    machine.work(1.0, others=1.0)
    old, young = PretendedTree(cpu_s=500.0), PretendedTree(0.5, created_at=time.time() + 60)
    meter.add("old", old)
    meter.add("young", young)
    shares = meter.sample().shares
    assert shares["old"].cpu_mj == 0
    assert shares["young"].cpu_mj == pytest.approx(45_000 / 2, rel=0.01)


# ------------------------------------------------------------------ real processes, this machine

BURN = (
    "import sys, time\n"
    "end = time.monotonic() + float(sys.argv[1])\n"
    "share = float(sys.argv[2])\n"
    "while time.monotonic() < end:\n"
    "    until = time.process_time() + 0.02 * share\n"
    "    while time.process_time() < until: sum(range(500))\n"
    "    time.sleep(0.02 * (1 - share))\n"
)


WORK_S = 0.8
# So much CPU time, at that share of a core, and then nothing.
WORK = (
    "import sys, time\n"
    "work, share = float(sys.argv[1]), float(sys.argv[2])\n"
    "began = time.process_time()\n"
    "while time.process_time() - began < work:\n"
    "    until = time.process_time() + 0.02 * share\n"
    "    while time.process_time() < until: sum(range(500))\n"
    "    time.sleep(0.02 * (1 - share))\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def burners() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(seconds: float, share: float, program: str = BURN) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", program, str(seconds), str(share)]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("load", [1.0, 0.5])
def test_two_busy_processes_share_this_machine(load: float, burners: Callable[..., object]) -> None:
    """Full and half load: what each is charged follows the CPU time that the kernel gave it, which
    need not be the same for both where others work on the machine too."""
    source = CodeCarbonHost("DEU", cpu_watts=100.0, ram_watts=10.0, gpus=False)
    meter: HostMeter[str] = HostMeter(source)
    meter.start()
    processes = {name: burners(20.0, load) for name in ("a", "b")}
    for name, process in processes.items():
        meter.add(name, ProcessTree(process.pid))
    totals, host, rest = {"a": Parts(), "b": Parts()}, Parts(), Parts()
    for _ in range(3):
        time.sleep(0.7)
        interval = meter.sample()
        host += interval.host
        rest += interval.rest
        for name, share in interval.shares.items():
            totals[name] += share
    used = {name: meter.cpu_seconds(name) for name in totals}
    source.stop()
    assert Parts.sum([*totals.values(), rest]) == host
    joules_per_second = [
        (parts.cpu_mj + parts.idle_mj) / used[name] for name, parts in totals.items()
    ]
    assert joules_per_second[0] == pytest.approx(joules_per_second[1], rel=0.15)
    cores = os.cpu_count() or 1
    assert joules_per_second[0] == pytest.approx(100_000 / cores, rel=0.25)


@pytest.mark.parametrize("load", [1.0, 0.5])
def test_equal_work_takes_equal_energy_on_this_machine(
    load: float, burners: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """Two processes at once until each has done the same, however long either had to wait for a
    core: what both took and what was not theirs is the machine's figure, to the millijoule."""
    source = CodeCarbonHost("DEU", cpu_watts=100.0, ram_watts=10.0, gpus=False)
    meter: HostMeter[str] = HostMeter(source)
    meter.start()
    names = ("a", "b")
    for name in names:
        meter.add(name, ProcessTree(burners(WORK_S, load, WORK).pid))
    took, host, rest = dict.fromkeys(names, Parts()), Parts(), Parts()
    deadline = time.monotonic() + 60
    used, before = (0.0, 0.0), (-1.0, -1.0)
    while min(used) < WORK_S or used != before:  # to the end of their work, and no further
        assert time.monotonic() < deadline
        time.sleep(0.3)
        interval = meter.sample()
        host += interval.host
        rest += interval.rest
        took = {name: took[name] + interval.shares[name] for name in names}
        before, used = used, (meter.cpu_seconds("a"), meter.cpu_seconds("b"))
    source.stop()
    assert Parts.sum([*took.values(), rest]) == host
    a, b = (parts.cpu_mj + parts.idle_mj for parts in took.values())
    assert a == pytest.approx(b, rel=0.15)
    assert a > WORK_S * 100_000 / (os.cpu_count() or 1) * 0.75


def test_a_tree_around_others_is_charged_without_them(burners: Callable[..., object]) -> None:
    source = CodeCarbonHost("DEU", cpu_watts=100.0, ram_watts=10.0, gpus=False)
    meter: HostMeter[str] = HostMeter(source)
    meter.start()
    child = burners(20.0, 1.0)
    meter.add("child", ProcessTree(child.pid))
    meter.add("service", ProcessTree(reaped=False), around=True)
    time.sleep(0.8)
    interval = meter.sample()
    source.stop()
    assert interval.shares["child"].cpu_mj > 3 * interval.shares["service"].cpu_mj
    assert Parts.sum([*interval.shares.values(), interval.rest]) == interval.host


def test_a_tree_that_is_gone_draws_no_more(burners: Callable[..., object]) -> None:
    child = burners(20.0, 1.0)
    tree = ProcessTree(child.pid)
    time.sleep(0.2)
    assert tree.is_alive
    child.kill()
    child.wait()
    assert not tree.is_alive
    readings = [tree.use().cpu_s for _ in range(3)]
    assert readings == sorted(readings)
    assert len(set(readings)) == 1
    with pytest.raises(psutil.NoSuchProcess):
        ProcessTree(child.pid)


def test_cumulative_rounding_is_right_to_one_per_cent() -> None:
    """A load that changes all the time, sampled every tenth of a second."""
    machine = Machine(trees={"a": PretendedTree()})
    meter = machine.meter()
    true_mj, total = 0.0, Parts()
    for step in itertools.islice(itertools.cycle((0.1, 0.9, 0.5, 0.33)), 400):
        machine.work(0.1, a=2 * step)
        true_mj += 100 * (90 * step + 10 * step)
        total += meter.sample().shares["a"]
    assert total.cpu_mj + total.idle_mj == pytest.approx(true_mj, rel=0.01)
