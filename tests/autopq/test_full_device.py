"""A training that the device's memory does not hold. The device is an imagined one: networks here
raise what torch raises on a GPU, from a size of batch on."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autopq.context import FitContext
from autopq.errors import DeviceFullError
from autopq.observer import SilentObserver
from autopq.training import train_network
from tests.training_methods.networks import regression
from training_methods import FitReport, TrainerConfig, create_loss

PARAMS: dict[str, Any] = {
    "training_method": "backprop",
    "training_options": {},
    "training_ranks": 1,
}


class Bounded(nn.Module):
    """Holds batches of at most `most` samples, of which it has seen a few when it finds out."""

    def __init__(self, widths: tuple[int, int], most: int) -> None:
        super().__init__()
        self.layer = nn.Linear(*widths)
        self.most = most
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        if len(x) > self.most and self.seen > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        found: Tensor = self.layer(x)
        return found


def train(most: int, batch_size: int) -> FitReport:
    data = regression(64)
    assert data.y is not None
    torch.manual_seed(0)
    network = Bounded((data.x[0].shape[1], data.y.shape[1]), most)
    return train_network(
        network,
        create_loss("mse"),
        train=data,
        validation=None,
        config=TrainerConfig(max_epochs=3, batch_size=batch_size, learning_rate=1e-2),
        params=PARAMS,
        generator=torch.Generator().manual_seed(1),
        context=FitContext(0, SilentObserver(), torch.device("cpu")),
    )


def test_training_goes_on_in_batches_of_half_the_size() -> None:
    """As if it had been asked for those from the first."""
    retried, asked = train(most=16, batch_size=32), train(most=16, batch_size=16)
    assert retried.train_losses == asked.train_losses
    assert retried.epochs == 3


def test_it_is_tried_once_and_then_said_plainly() -> None:
    with pytest.raises(DeviceFullError, match=r"even in batches of 16\. Use a device with more"):
        train(most=8, batch_size=32)
