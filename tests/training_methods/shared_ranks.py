"""One gradient of F³ and of forward gradients on one of several ranks, each with its own half of
the samples and its own random generator."""

from typing import Any

import torch

from tests.training_methods.networks import chain, regression
from training_methods import (
    Communicator,
    MethodContext,
    TensorData,
    create_loss,
    create_method,
)

SAMPLES = 32
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "weights": (
        "forward_gradient",
        {"perturbation": "weight", "exact_output": False, "tangents": 6},
    ),
    "weights and exact output": ("forward_gradient", {"perturbation": "weight", "tangents": 6}),
    "activities": ("forward_gradient", {"tangents": 16, "orthonormal": True}),
    "f3": ("f3", {"error": "current"}),
}


def half(rank: int) -> TensorData:
    data = regression(2 * SAMPLES)
    assert data.y is not None
    own = slice(rank * SAMPLES, (rank + 1) * SAMPLES)
    return TensorData((data.x[0][own],), data.y[own])


def gradients_of(communicator: Communicator, data: TensorData) -> dict[str, Any]:
    """By case: the gradients after reduction, and the payload bytes sent for them."""
    found: dict[str, Any] = {}
    for case, (name, options) in CASES.items():
        communicator.traffic.payload.clear()
        model = chain()
        method = create_method(name, **options)
        method.prepare(
            model,
            create_loss("mse"),
            MethodContext(
                data=data,
                device=torch.device("cpu"),
                generator=torch.Generator().manual_seed(communicator.rank),
                communicator=communicator,
                max_epochs=1,
                steps_per_epoch=1,
            ),
        )
        model.train()
        method.compute_gradients(data.gather(torch.arange(len(data))), 0)
        method.reduce_gradients()
        found[case] = {
            "bytes": communicator.traffic.payload["gradients"],
            "gradients": {n: p.grad for n, p in model.named_parameters() if p.grad is not None},
        }
    return found


def on_a_rank(communicator: Communicator) -> dict[str, Any]:
    return gradients_of(communicator, half(communicator.rank))
