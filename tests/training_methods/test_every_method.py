"""What every method on one rank owes its user: a run that repeats, resumes and ends plain."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training_methods.networks import AdditiveNetwork, SmallFlow, banana, chain, regression
from training_methods import (
    EpochReport,
    FitReport,
    TensorData,
    Trainer,
    TrainerConfig,
    create_loss,
    create_method,
)

Case = tuple[str, dict[str, Any], Callable[[], nn.Module], str, TensorData]
CASES: dict[str, Case] = {
    "backprop": ("backprop", {}, chain, "mse", regression()),
    "last_layer_only": ("last_layer_only", {}, chain, "mse", regression()),
    "block_local": ("block_local", {}, AdditiveNetwork, "mse", regression()),
    "block_local of a flow": ("block_local", {}, SmallFlow, "flow_nll", banana(64)),
    "f3": ("f3", {}, chain, "mse", regression()),
    "forward_gradient": ("forward_gradient", {"tangents": 4}, chain, "mse", regression()),
    "oialr": ("oialr", {"delay": 0.3, "updates": 2, "cutoff": 0.5}, chain, "mse", regression()),
}


def run(case: str, seed: int = 0, **options: Any) -> tuple[Trainer, Callable[[], FitReport]]:
    method, settings, network, loss, data = CASES[case]
    config = TrainerConfig(max_epochs=4, batch_size=16, learning_rate=1e-2)
    trainer = Trainer(config, generator=torch.Generator().manual_seed(seed), **options)
    return trainer, lambda: trainer.fit(
        network(), create_loss(loss), train=data, method=create_method(method, **settings)
    )


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize("case", CASES)
def test_the_seed_alone_decides_the_result(case: str) -> None:
    first, again, other = (run(case, seed)[1]().model.state_dict() for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_ends_as_one_that_went_through(case: str) -> None:
    saved: dict[str, Any] = {}

    def save(report: EpochReport) -> None:
        if report.epoch == 2:
            saved.update(trainer.state_dict())

    trainer, fit = run(case, on_epoch=save)
    through = fit()
    again, fit_again = run(case, seed=9)
    again.load_state_dict(saved)
    resumed = fit_again()
    assert same(through.model.state_dict(), resumed.model.state_dict())
    assert through.train_losses == resumed.train_losses


@pytest.mark.parametrize("case", CASES)
def test_the_result_is_the_plain_network_and_the_counts_are_its_own(case: str) -> None:
    plain = CASES[case][2]()
    _, fit = run(case)
    report = fit()
    assert {k: v.shape for k, v in report.model.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items()
    }
    assert all(parameter.requires_grad for parameter in report.model.parameters())
    assert not any(module._forward_hooks for module in report.model.modules())
    counts = report.method
    assert counts.dense == sum(parameter.numel() for parameter in plain.parameters())
    assert 0 < counts.trainable <= counts.stored
    assert not counts.comm_bytes
    assert counts.comm_calls == 0
