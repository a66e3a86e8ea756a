"""`nnqf`: the nearest-neighbour quantile filter (González Ordiano et al. 2020) as the published
benchmark has it: the targets of the 100 nearest training windows give empirical quantiles, and a
regression learns those. The regression is AutoPQ's MLP: 100 ReLU units, Adam, early stopping."""

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn

from benchmarks.peers.published import PublishedWindows
from benchmarks.peers.task import Answer, Floats, Task
from benchmarks.series import HORIZON
from training_methods import TensorData, Trainer, TrainerConfig, create_loss, create_method

LEVELS: Floats = np.round(np.arange(1, 100) / 100, 2)
_NEIGHBOURS = 100
_HIDDEN = 100
_HELD_OUT = 0.2
_CONFIG = TrainerConfig(
    max_epochs=350, batch_size=64, learning_rate=1e-3, patience=10, min_delta=1e-4
)


def nnqf(task: Task, seed: int) -> Answer:
    windows = PublishedWindows.of(task)
    at = np.concatenate(windows.origins())
    x, y = windows.inputs(at), windows.targets(at)
    search = NearestNeighbors(n_neighbors=_NEIGHBOURS, algorithm="brute", n_jobs=1).fit(x)
    near = search.kneighbors(x, return_distance=False)
    filtered = np.empty((len(at), HORIZON, len(LEVELS)), np.float32)
    for part in np.array_split(np.arange(len(at)), max(1, len(at) // 500)):
        filtered[part] = np.moveaxis(np.quantile(y[near[part]], LEVELS, axis=1), 0, -1)
    cut = round(len(at) * (1 - _HELD_OUT))
    network = _trained(x, filtered.reshape(len(at), -1), cut, seed)
    with torch.inference_mode():
        found = network(torch.from_numpy(windows.inputs(task.origins))).numpy()
    quantiles = windows.original(found.reshape(len(task.origins), HORIZON, len(LEVELS)))
    return LEVELS, np.sort(quantiles, axis=-1)


def _trained(x: np.ndarray, y: np.ndarray, cut: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(x.shape[1], _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, y.shape[1])
    )
    train, held_out = (
        TensorData((torch.from_numpy(x[part]),), torch.from_numpy(y[part]))
        for part in (slice(0, cut - HORIZON), slice(cut, None))
    )
    trainer = Trainer(_CONFIG, generator=torch.Generator().manual_seed(seed))
    report = trainer.fit(
        network,
        create_loss("mse"),
        train=train,
        validation=held_out,
        method=create_method("backprop"),
    )
    return report.model
