"""What one step costs with each method: time relative to backprop, and peak memory."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.training.experiments import perceptron
from benchmarks.training.tables import Table
from training_methods import (
    LocalCommunicator,
    MethodContext,
    TensorData,
    TrainingMethod,
    create_loss,
    create_method,
)

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "backprop": ("backprop", {}),
    "last layer only": ("last_layer_only", {}),
    "F³": ("f3", {}),
    "forward gradient, k=4": ("forward_gradient", {"tangents": 4}),
    "forward gradient, k=16": ("forward_gradient", {"tangents": 16}),
    "forward gradient, weights, k=16": (
        "forward_gradient",
        {"tangents": 16, "perturbation": "weight", "exact_output": False},
    ),
}
BATCH, STEPS, ROUNDS = 256, 20, 7
MEMORY_BATCH = 4096


def run(seeds: int) -> list[Table]:
    """Rounds of steps of all methods in turn, so that a change of load meets all of them."""
    del seeds
    steppers = {name: _Stepper(*variant) for name, variant in VARIANTS.items()}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for _ in range(ROUNDS):
        for name, stepper in steppers.items():
            start = time.process_time()
            stepper.steps(STEPS)
            times[name].append((time.process_time() - start) / STEPS)
    table = Table(
        "Gradient of one batch: 64-128-128-24, 256 samples",
        ("method", "CPU ms a step", "relative to backprop", "peak memory of a step, MB"),
    )
    basis = float(np.median(times["backprop"]))
    for name, values in times.items():
        median = float(np.median(values))
        table.rows.append((name, 1000 * median, median / basis, _peak_memory(name)))
    table.notes.append(f"median of {ROUNDS} rounds of {STEPS} steps, interleaved; CPU time")
    table.notes.append(
        f"memory: added by 3 steps of {MEMORY_BATCH} samples in a process of its own"
    )
    return [table]


class _Stepper:
    def __init__(self, method: str, options: dict[str, Any], batch: int = BATCH) -> None:
        torch.manual_seed(0)
        model: nn.Module = perceptron(64, 128, 2, 24)
        x = torch.randn(batch, 64)
        data = TensorData((x,), x[:, :24].sin())
        self._method: TrainingMethod = create_method(method, **options)
        self._method.prepare(
            model,
            create_loss("mse"),
            MethodContext(
                data, torch.device("cpu"), torch.Generator().manual_seed(0),
                LocalCommunicator(), 1, 1,
            ),
        )  # fmt: skip
        model.train()
        self._batch = data.gather(torch.arange(batch))
        self.steps(1)

    def steps(self, count: int) -> None:
        for step in range(count):
            self._method.model.zero_grad(set_to_none=True)
            self._method.compute_gradients(self._batch, step)


def _peak_memory(name: str) -> float:
    """Megabytes that a few steps add to a fresh process, at their peak."""
    code = f"from benchmarks.training.cost import print_peak_memory; print_peak_memory({name!r})"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(found.stdout)


def print_peak_memory(name: str) -> None:
    """Linux alone: the kernel's high-water mark is reset in front of the steps."""
    torch.set_num_threads(1)
    stepper = _Stepper(*VARIANTS[name], batch=MEMORY_BATCH)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    stepper.steps(3)
    print((_status("VmHWM") - before) / 1024)


def _status(field: str) -> int:
    """Kilobytes of one field of this process's status."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])
