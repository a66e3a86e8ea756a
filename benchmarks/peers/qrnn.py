"""`qrnn`: quantile regression by one dense network a level, as the published benchmark has it:
90-64-32 ReLU, 24 outputs, Adam, batches of 32, at most 100 epochs, the last 20 % of the training
part for early stopping with patience 5, best weights restored, sorted over levels at the end."""

import numpy as np
import torch
from torch import nn

from benchmarks.peers.published import PublishedWindows
from benchmarks.peers.task import Answer, Floats, Task
from benchmarks.series import HORIZON
from training_methods import TensorData, Trainer, TrainerConfig, create_loss, create_method

LEVELS: Floats = np.round(
    np.concatenate([np.arange(1, 6), np.arange(10, 95, 5), np.arange(95, 100)]) / 100, 2
)
_WIDTHS = (90, 64, 32)
_HELD_OUT = 0.2
_CONFIG = TrainerConfig(max_epochs=100, batch_size=32, learning_rate=1e-3, patience=5)


def qrnn(task: Task, seed: int) -> Answer:
    windows = PublishedWindows.of(task)
    train, validation = windows.origins()
    # All rows before the test part are training rows of this benchmark.
    at = np.concatenate([train, validation])
    cut = round(len(at) * (1 - _HELD_OUT))
    parts = [
        TensorData(
            (torch.from_numpy(windows.inputs(part)),),
            torch.from_numpy(windows.targets(part)),
        )
        for part in (at[: cut - HORIZON], at[cut:])
    ]
    asked = torch.from_numpy(windows.inputs(task.origins))
    quantiles = np.empty((len(task.origins), HORIZON, len(LEVELS)))
    for k, level in enumerate(LEVELS):
        network = _trained(parts[0], parts[1], float(level), 1000 * seed + k)
        with torch.inference_mode():
            quantiles[..., k] = network(asked).squeeze(-1).numpy()
    return LEVELS, np.sort(windows.original(quantiles), axis=-1)


def _trained(train: TensorData, held_out: TensorData, level: float, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    width = train.x[0].shape[1]
    for wide in _WIDTHS:
        layers += [nn.Linear(width, wide), nn.ReLU()]
        width = wide
    # One level: the pinball loss wants a last dimension for it.
    network = nn.Sequential(*layers, nn.Linear(width, HORIZON), nn.Unflatten(1, (HORIZON, 1)))
    trainer = Trainer(_CONFIG, generator=torch.Generator().manual_seed(seed))
    report = trainer.fit(
        network,
        create_loss("pinball", levels=(level,)),
        train=train,
        validation=held_out,
        method=create_method("backprop"),
    )
    return report.model
