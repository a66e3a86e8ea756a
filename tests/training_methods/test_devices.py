"""The same methods by the same code on a GPU."""

from typing import Any

import pytest
import torch

from tests.training_methods.networks import SmallFlow, banana, chain, regression
from tests.training_methods.ranks import network
from training_methods import EpochReport, Trainer, TrainerConfig, create_loss, create_method
from training_methods.distributed_fit import fit_on_ranks

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
CASES: list[tuple[str, dict[str, Any]]] = [
    ("backprop", {}),
    ("last_layer_only", {}),
    ("f3", {}),
    ("f3", {"error": "current", "feedback": "identity"}),
    ("forward_gradient", {"tangents": 16, "orthonormal": True}),
    ("oialr", {}),
    ("oialr", {"delay": 0.3, "updates": 2, "cutoff": 0.5}),
]


def fit(device: str, method: str, options: dict[str, Any], **hooks: Any) -> tuple[Trainer, Any]:
    config = TrainerConfig(
        max_epochs=3, batch_size=16, learning_rate=1e-2, device=torch.device(device)
    )
    trainer = Trainer(config, generator=torch.Generator().manual_seed(0), **hooks)
    return trainer, lambda: trainer.fit(
        chain(), create_loss("mse"), train=regression(), method=create_method(method, **options)
    )


@pytest.mark.parametrize(("method", "options"), CASES)
def test_a_gpu_learns_what_the_cpu_learns(method: str, options: dict[str, Any]) -> None:
    losses = []
    for device in ("cpu", "cuda"):
        report = fit(device, method, options)[1]()
        losses.append(report.train_losses)
        assert next(report.model.parameters()).device.type == device
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize(
    ("method", "options"), [*CASES, ("forward_gradient", {"perturbation": "weight"})]
)
def test_a_run_on_a_gpu_resumes_bit_identically(method: str, options: dict[str, Any]) -> None:
    saved: dict[str, Any] = {}

    def save(report: EpochReport) -> None:
        if report.epoch == 1:
            saved.update(trainer.state_dict())

    trainer, through = fit("cuda", method, options, on_epoch=save)
    expected = through().model.state_dict()
    again, resumed = fit("cuda", method, options)
    again.load_state_dict(saved)
    found = resumed().model.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_flow_learns_block_by_block_on_a_gpu() -> None:
    config = TrainerConfig(
        max_epochs=3, batch_size=64, learning_rate=1e-2, device=torch.device("cuda")
    )
    report = Trainer(config, generator=torch.Generator().manual_seed(0)).fit(
        SmallFlow(), create_loss("flow_nll"), train=banana(), method=create_method("block_local")
    )
    assert report.train_losses[-1] < report.train_losses[0]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@pytest.mark.parametrize("method", ["backprop", "local_sgd", "ab_training"])
def test_ranks_train_on_a_gpu_each(method: str) -> None:
    reports = [
        fit_on_ranks(
            network(),
            create_loss("mse"),
            train=regression(),
            config=TrainerConfig(
                max_epochs=4, batch_size=16, learning_rate=1e-2, device=torch.device(device)
            ),
            method=method,
            options={} if method == "backprop" else {"period": 6, "full_steps": 2},
            world_size=2,
            seed=0,
        )
        for device in ("cpu", "cuda")
    ]
    assert reports[0].train_losses == pytest.approx(reports[1].train_losses, rel=1e-3)
    assert reports[0].method.comm_bytes == reports[1].method.comm_bytes
