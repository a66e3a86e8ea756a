"""Ranks are children of the process that is metered; each of their joules is counted once."""

import contextlib
import os
import subprocess
import sys
import time

import psutil
import pytest

from autopq.energy.codecarbon_host import CodeCarbonHost
from autopq.energy.process_tree import ProcessTree
from autopq.energy.share import OwnShares, ShareSource
from training_methods import Communicator
from training_methods.distributed import run_ranks

WATTS = 100.0
RANKS = 2


def busy_rank(communicator: Communicator) -> float:
    """CPU seconds of this rank until now, its start included."""
    end = time.process_time() + 0.7 + 0.5 * communicator.rank
    while time.process_time() < end:
        sum(range(1000))
    return time.process_time()


def cpu_seconds() -> float:
    """As the kernel has it, of this process, the children it has waited for, and those that run
    beside: services that other tests have started work on while this one measures."""
    times = os.times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(child.cpu_times()[:4])
    return total


@pytest.mark.timeout(120)
def test_the_energy_of_ranks_is_counted_once() -> None:
    host = CodeCarbonHost("DEU", cpu_watts=WATTS, ram_watts=0.0, gpus=False)
    source = ShareSource(OwnShares(host))
    source.start()
    try:
        before = cpu_seconds()
        of_ranks = sum(run_ranks(busy_rank, RANKS))
        used = cpu_seconds() - before
        time.sleep(0.6)  # past the window in which a reading is carried on from the one before
        reading = source.read()
        joules = reading.cpu_j + reading.idle_j
    finally:
        source.stop()
    assert used > of_ranks > RANKS * 0.7
    charged = joules * (os.cpu_count() or 1) / WATTS
    assert charged == pytest.approx(used, rel=0.05, abs=0.1)


def test_time_neither_falls_nor_is_lost_when_children_end() -> None:
    tree = ProcessTree()
    before = tree.use().cpu_s
    began = cpu_seconds()
    code = "import time\nwhile time.process_time() < 0.4: sum(range(1000))"
    child = subprocess.Popen([sys.executable, "-c", code])
    readings = []
    while child.poll() is None:
        readings.append(tree.use().cpu_s)
        time.sleep(0.02)
    readings.append(tree.use().cpu_s)
    assert readings == sorted(readings)
    assert readings[-1] - before == pytest.approx(cpu_seconds() - began, abs=0.05)
    assert readings[-1] - before > 0.35
