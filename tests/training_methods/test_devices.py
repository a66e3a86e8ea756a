"""The same methods by the same code on a GPU."""

from typing import Any

import pytest
import torch

from tests.training_methods.networks import SmallFlow, banana, chain, regression
from training_methods import Trainer, TrainerConfig, create_loss, create_method

CASES: list[tuple[str, dict[str, Any]]] = [
    ("backprop", {}),
    ("last_layer_only", {}),
    ("f3", {}),
    ("forward_gradient", {"tangents": 16, "orthonormal": True}),
    ("oialr", {}),
]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("method", "options"), CASES)
def test_a_gpu_learns_what_the_cpu_learns(method: str, options: dict[str, Any]) -> None:
    losses = []
    for device in ("cpu", "cuda"):
        config = TrainerConfig(
            max_epochs=3, batch_size=16, learning_rate=1e-2, device=torch.device(device)
        )
        report = Trainer(config, generator=torch.Generator().manual_seed(0)).fit(
            chain(), create_loss("mse"), train=regression(), method=create_method(method, **options)
        )
        losses.append(report.train_losses)
        assert next(report.model.parameters()).device.type == device
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_flow_learns_block_by_block_on_a_gpu() -> None:
    config = TrainerConfig(
        max_epochs=3, batch_size=64, learning_rate=1e-2, device=torch.device("cuda")
    )
    report = Trainer(config, generator=torch.Generator().manual_seed(0)).fit(
        SmallFlow(), create_loss("flow_nll"), train=banana(), method=create_method("block_local")
    )
    assert report.train_losses[-1] < report.train_losses[0]
