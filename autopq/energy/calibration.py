"""Measures the power of this machine's CPUs at rest and at full load, once, by their counter."""

import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Event

from autopq.energy.host import HostSource
from autopq.errors import InputError, Issue

_COUNTERS = ("rapl", "platform_counter")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Watts of all CPUs together, and how busy they were while each was measured."""

    idle_watts: float
    idle_load: float
    full_watts: float
    full_load: float


def calibrate(source: HostSource, seconds: float) -> Calibration:
    """Measure `seconds` at rest and `seconds` with a busy process on every core.

    What other programs draw meanwhile is in the figures, which is why the loads are returned.
    Raises InputError when the CPUs have no counter that can be read.
    """
    source.start()
    try:
        source.read()
        if source.provenance().cpu_method not in _COUNTERS:
            raise InputError(
                Issue(
                    "cpu",
                    "the CPUs have no energy counter that this user can read.",
                    "Run this as root on the host itself, or read both powers from a meter at "
                    "the plug.",
                )
            )
        idle = _watts(source, seconds)
        stop = multiprocessing.get_context("spawn").Event()
        processes = [
            multiprocessing.get_context("spawn").Process(target=_work, args=(stop,), daemon=True)
            for _ in range(os.cpu_count() or 1)
        ]
        for process in processes:
            process.start()
        try:
            time.sleep(seconds / 4)  # until all work, and clocks and heat have settled
            full = _watts(source, seconds)
        finally:
            stop.set()
            for process in processes:
                process.join()
        return Calibration(*idle, *full)
    finally:
        source.stop()


def _watts(source: HostSource, seconds: float) -> tuple[float, float]:
    """Mean power, and the busy share of all cores."""
    before, began = source.read(), time.perf_counter()
    time.sleep(seconds)
    after, took = source.read(), time.perf_counter() - began
    joules = after.cpu_j + after.idle_j - before.cpu_j - before.idle_j
    return joules / took, (after.busy_s - before.busy_s) / (after.capacity_s - before.capacity_s)


def _work(stop: Event) -> None:
    value = 1.0
    while not stop.is_set():
        for _ in range(100_000):
            value = value * 1.0000001 + 1e-9
