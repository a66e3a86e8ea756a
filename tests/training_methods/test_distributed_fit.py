"""A fit on several ranks looks to its caller like a fit."""

from typing import Any

import pytest
import torch
from torch import nn

from tests.training_methods.networks import regression
from tests.training_methods.ranks import network
from training_methods import MethodRefused, TensorData, TrainerConfig, create_loss
from training_methods.distributed_fit import fit_on_ranks

CONFIG = TrainerConfig(max_epochs=20, batch_size=16, learning_rate=1e-2, patience=10)


def fit(model: nn.Module, train: TensorData, **options: Any) -> Any:
    return fit_on_ranks(
        model, create_loss("mse"), train=train, config=CONFIG, world_size=2, seed=3, **options
    )


def test_a_fit_on_ranks_learns_and_reports() -> None:
    data = regression(65)
    assert data.y is not None
    validation = TensorData((data.x[0][:32],), data.y[:32])
    method: dict[str, Any] = {
        "method": "ab_training",
        "options": {"warmup": 0.2, "period": 20, "full_steps": 5, "cutoff": 0.1},
    }
    before = network().state_dict()
    model = network()
    report = fit(model, data, validation=validation, **method)
    assert report.model is model
    assert report.model.state_dict().keys() == before.keys()
    assert not report.model.training
    with torch.no_grad():
        achieved = create_loss("mse")(report.model(*validation.x), validation.y)
    assert achieved.item() == pytest.approx(min(report.validation_losses), rel=1e-5)
    assert report.validation_losses[report.best_epoch - 1] == min(report.validation_losses)
    assert min(report.validation_losses) < 0.5 * report.validation_losses[0]
    assert report.method.comm_bytes["sync"] > 0
    assert set(report.method.ranks) == {"2.weight", "4.weight"}


def test_what_the_ranks_refuse_is_refused_here() -> None:
    with pytest.raises(MethodRefused, match="no weight"):
        fit(nn.Sequential(nn.Linear(5, 3)), regression(), method="ab_training")
    with pytest.raises(ValueError, match="ranks need"):
        fit(network(), regression(1), method="ab_training")
