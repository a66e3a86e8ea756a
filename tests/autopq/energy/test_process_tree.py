"""Ranks are children of the process that is metered; each of their joules is counted once."""

import contextlib
import os
import subprocess
import sys
import time

import psutil
import pytest

from autopq.energy.codecarbon_host import CodeCarbonHost
from autopq.energy.process_tree import Look, ProcessTree
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


def test_one_look_finds_what_every_tree_holds() -> None:
    """Two children, of which one has a child of its own; whose time is not the other's."""
    busy = "import time\nwhile time.process_time() < 0.3: sum(range(1000))\n"
    ready = "print('ready', flush=True)\ntime.sleep(60)"
    parent = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {busy + ready!r}])\ntime.sleep(60)"
    )
    with contextlib.ExitStack() as ended:
        children = []
        for code in (parent, "import time\n" + ready):
            child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
            ended.enter_context(child)
            ended.callback(child.kill)
            children.append(child)
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        ended.callback(psutil.Process(children[0].pid).children()[0].kill)
        look = Look()
        trees = [ProcessTree(child.pid) for child in children]
        of_look = [tree.cpu_seconds(look) for tree in trees]
        assert of_look == pytest.approx([tree.use().cpu_s for tree in trees], abs=0.05)
        assert of_look[0] > 0.3
