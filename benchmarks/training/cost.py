"""What one step costs with each method: time relative to backprop, and peak memory."""

import resource
import subprocess
import sys
import time
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
        ("method", "CPU ms a step", "relative to backprop", "peak memory above backprop's, MB"),
    )
    basis = float(np.median(times["backprop"]))
    memory = {name: _peak_memory(name) for name in VARIANTS}
    for name, values in times.items():
        median = float(np.median(values))
        table.rows.append((name, 1000 * median, median / basis, memory[name] - memory["backprop"]))
    table.notes.append(f"median of {ROUNDS} rounds of {STEPS} steps, interleaved; CPU time")
    table.notes.append("peak resident memory of a process of its own for each method")
    return [table]


class _Stepper:
    def __init__(self, method: str, options: dict[str, Any]) -> None:
        torch.manual_seed(0)
        model: nn.Module = perceptron(64, 128, 2, 24)
        x = torch.randn(BATCH, 64)
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
        self._batch = data.gather(torch.arange(BATCH))
        self.steps(2)

    def steps(self, count: int) -> None:
        for step in range(count):
            self._method.model.zero_grad(set_to_none=True)
            self._method.compute_gradients(self._batch, step)


def _peak_memory(name: str) -> float:
    """Megabytes, of a fresh process that takes a few steps."""
    code = f"from benchmarks.training.cost import peak_memory_here; peak_memory_here({name!r})"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(found.stdout)


def peak_memory_here(name: str) -> None:
    torch.set_num_threads(1)
    _Stepper(*VARIANTS[name]).steps(5)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
