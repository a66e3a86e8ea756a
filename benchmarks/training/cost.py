"""What a step costs with each method: time relative to backprop, peak memory, and what
`torch.compile` would change."""

import copy
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from autopq.forecasters.networks.nhits import NHiTS
from autopq.forecasters.networks.tft import TFT
from benchmarks.training.experiments import perceptron
from benchmarks.training.load_forecast import HORIZON, INPUTS, PAST, SHAPE
from benchmarks.training.load_forecast import network as load_network
from benchmarks.training.tables import Table
from training_methods import (
    Communicator,
    EpochReport,
    TensorData,
    Trainer,
    TrainerConfig,
    create_loss,
    create_method,
)
from training_methods.distributed import run_ranks

BATCH, MEMORY_BATCH = 256, 4096
STEPS, EPOCHS, MEASURED, ROUNDS = 20, 9, 3, 3
RANKS = 2
_64_KB = str(64 * 1024)
MLP, NHITS = "64-128-128-24", "N-HiTS-like"


@dataclass(frozen=True)
class _Variant:
    network: str
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    ranks: int = 1


# Structures change in the first two thirds of a run, and are measured in the last third.
_DECOMPOSED = {"delay": 0.0, "keep_last": False, "updates": 2, "max_cut": 0.5}
_APART = {"warmup": 0.0, "period": 10**6}
VARIANTS: dict[str, _Variant] = {
    "backprop": _Variant(MLP, "backprop"),
    "last layer only": _Variant(MLP, "last_layer_only"),
    "F³": _Variant(MLP, "f3"),
    "forward gradient, k=4": _Variant(MLP, "forward_gradient", {"tangents": 4}),
    "forward gradient, k=16": _Variant(MLP, "forward_gradient", {"tangents": 16}),
    "forward gradient, weights, k=16": _Variant(
        MLP,
        "forward_gradient",
        {"tangents": 16, "perturbation": "weight", "exact_output": False},
    ),
    "OIALR, nothing cut": _Variant(MLP, "oialr", {**_DECOMPOSED, "cutoff": 0.0}),
    "OIALR, a quarter of the ranks": _Variant(MLP, "oialr", {**_DECOMPOSED, "cutoff": 0.99}),
    "backprop, N-HiTS-like": _Variant(NHITS, "backprop"),
    "block local, N-HiTS-like": _Variant(NHITS, "block_local"),
    "data-parallel, 2 ranks": _Variant(MLP, "backprop", ranks=RANKS),
    "local SGD, 2 ranks": _Variant(MLP, "local_sgd", _APART, RANKS),
    "AB-training, 2 ranks": _Variant(
        MLP, "ab_training", {**_APART, "keep_first": False, "keep_last": False}, RANKS
    ),
}
CONTROLS = {
    "block local, N-HiTS-like": "backprop, N-HiTS-like",
    "backprop, N-HiTS-like": "backprop, N-HiTS-like",
}


def run(seeds: int) -> list[Table]:
    del seeds
    return [_steps(), _compiled()]


def _steps() -> Table:
    """Rounds of short runs of all methods in turn, so that a change of load meets all of them."""
    alone, shared = _by_ranks()
    memory = _peak_memory()
    times = measured_times(None, alone) | run_ranks(measured_times, RANKS, shared)[0]
    table = Table(
        f"A step of {BATCH} samples on one rank; networks {MLP} and {NHITS}",
        ("method", "CPU ms a step", "relative to backprop", "peak memory of a step, MB"),
    )
    medians = {name: float(np.median(values)) for name, values in times.items()}
    for name, median in medians.items():
        basis = medians[CONTROLS.get(name, "backprop")]
        table.rows.append((name, 1000 * median, median / basis, memory[name]))
    table.notes += [
        f"the trainer's whole step with Adam, CPU time of the process; median of {ROUNDS} rounds "
        f"of {MEASURED} epochs of {STEPS} steps, methods in turn; N-HiTS-like networks are "
        "relative to backprop on the same network",
        "on two ranks every rank has its own batch and core; a step includes what the rank itself "
        "spends on communication over the loopback interface",
        f"memory: what steps of {MEMORY_BATCH} samples add to the process at their peak",
    ]
    return table


def _by_ranks() -> tuple[list[str], list[str]]:
    """Variants on one rank, and those on several."""
    alone = [name for name, variant in VARIANTS.items() if variant.ranks == 1]
    return alone, [name for name in VARIANTS if name not in alone]


def measured_times(communicator: Communicator | None, names: list[str]) -> dict[str, list[float]]:
    """CPU seconds of a step by variant, one value an epoch measured."""
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            clock = _Clock()
            _train(name, BATCH, clock, communicator)
            times[name] += clock.seconds[-MEASURED:]
    return times


class _Clock:
    """CPU seconds of a step in every epoch but the first."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last: float | None = None

    def __call__(self, report: EpochReport) -> None:
        now = time.process_time()
        if self._last is not None:
            self.seconds.append((now - self._last) / STEPS)
        self._last = now


class _Memory:
    """Megabytes that the last epochs add at their peak. Linux alone: the kernel's high-water mark
    is reset in front of them."""

    def __init__(self) -> None:
        self.added = 0.0
        self._before = 0

    def __call__(self, report: EpochReport) -> None:
        if report.epoch == EPOCHS - MEASURED:
            Path("/proc/self/clear_refs").write_text("5")
            self._before = _status("VmRSS")
        elif report.epoch == EPOCHS:
            self.added = (_status("VmHWM") - self._before) / 1024


def _train(
    name: str,
    batch: int,
    on_epoch: Callable[[EpochReport], None],
    communicator: Communicator | None = None,
    steps: int = STEPS,
) -> None:
    variant = VARIANTS[name]
    torch.manual_seed(0)
    if variant.network == MLP:
        model: nn.Module = perceptron(64, 128, 2, 24)
        inputs: tuple[torch.Tensor, ...] = (torch.randn(batch * steps, 64),)
    else:
        model = NHiTS(PAST, HORIZON, INPUTS - PAST)
        inputs = (torch.randn(batch * steps, PAST), torch.randn(batch * steps, INPUTS - PAST))
    Trainer(
        TrainerConfig(max_epochs=EPOCHS, batch_size=batch, learning_rate=1e-3),
        generator=torch.Generator().manual_seed(0),
        on_epoch=on_epoch,
        communicator=communicator,
    ).fit(
        model,
        create_loss("mse"),
        train=TensorData(inputs, inputs[0][:, :24].sin()),
        method=create_method(variant.method, **variant.options),
    )


def _peak_memory() -> dict[str, float]:
    """Megabytes that a few steps add at their peak, by variant, in a process whose allocator
    gives back what is freed."""
    code = "from benchmarks.training.cost import print_peak_memory; print_peak_memory()"
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": _64_KB, "MALLOC_TRIM_THRESHOLD_": _64_KB},
    )
    memory: dict[str, float] = json.loads(found.stdout)
    return memory


def print_peak_memory() -> None:
    torch.set_num_threads(1)
    alone, shared = _by_ranks()
    print(json.dumps(peak_memory(None, alone) | run_ranks(peak_memory, RANKS, shared)[0]))


def peak_memory(communicator: Communicator | None, names: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in names:
        memory = _Memory()
        _train(name, MEMORY_BATCH, memory, communicator, steps=2)
        found[name] = memory.added
    return found


def _status(name: str) -> int:
    """Kilobytes of one field of this process's status."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def _compiled() -> Table:
    """Forward and backward passes of a network as it is, and compiled."""
    table = Table(
        "torch.compile, on the CPU",
        ("network", "batch", "CPU ms a step", "compiled", "ratio", "graphs", "seconds to compile"),
    )
    networks: list[tuple[str, nn.Module, tuple[torch.Tensor, ...]]] = [
        (SHAPE, load_network(), (torch.randn(128, INPUTS),)),
        (
            "TFT-like",
            TFT(PAST, HORIZON, 3, 3, dropout=0.0),
            (torch.randn(64, PAST, 3), torch.randn(64, HORIZON, 3)),
        ),
    ]
    for name, plain, inputs in networks:
        graphs = CompileCounterWithBackend("inductor")
        compiled = cast(nn.Module, torch.compile(copy.deepcopy(plain), backend=graphs))
        began = time.perf_counter()
        _passes(compiled, inputs, 1)
        seconds = time.perf_counter() - began
        times: list[list[float]] = [[], []]
        for _ in range(ROUNDS):
            for model, found in zip((plain, compiled), times, strict=True):
                found.append(_passes(model, inputs, STEPS))
        before, after = (1000 * float(np.median(found)) for found in times)
        table.rows.append(
            (name, len(inputs[0]), before, after, after / before, graphs.frame_count, seconds)
        )
    table.notes.append(
        "the first step compiles, and so would every rank cut of oialr and ab_training anew"
    )
    return table


def _passes(model: nn.Module, inputs: tuple[torch.Tensor, ...], count: int) -> float:
    """CPU seconds of one forward and backward pass."""
    began = time.process_time()
    for _ in range(count):
        model.zero_grad(set_to_none=True)
        torch.autograd.backward(model(*inputs).square().mean())
    return (time.process_time() - began) / count
