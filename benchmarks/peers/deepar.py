"""`deepar`: DeepAR (Salinas et al. 2020) with the published benchmark's settings: two LSTM layers
of width 10, 25 hours of history, normal likelihood, batches of 64, gradients clipped at 0.1, the
last 20 % of the rows for early stopping, quantiles of drawn paths.

An epoch here passes over all windows, where the reference's takes a third of the batches: the same
patience of 10 lets it learn for longer. Adam stands in for Ranger."""

import numpy as np
import torch

from autopq.evaluation.grid import empirical
from autopq.forecasters.networks.deepar import DeepAR
from benchmarks.peers.published import PublishedWindows
from benchmarks.peers.task import Answer, Floats, Ints, Task
from benchmarks.series import HORIZON
from training_methods import TensorData, Trainer, TrainerConfig, create_loss, create_method

LEVELS: Floats = np.round(np.arange(1, 100) / 100, 2)
_HISTORY = 25
_PATHS = 500
_HELD_OUT = 0.2
_CONFIG = TrainerConfig(
    max_epochs=1000,
    batch_size=64,
    learning_rate=1e-3,
    clip_norm=0.1,
    patience=10,
    min_delta=1e-4,
)


def deepar(task: Task, seed: int) -> Answer:
    windows = PublishedWindows.of(task)
    at = np.concatenate(windows.origins())
    cut = round(len(at) * (1 - _HELD_OUT))
    generator = torch.Generator().manual_seed(seed)
    network = DeepAR(HORIZON, windows.known.shape[1], hidden=10, layers=2)
    network.initialise(generator)
    report = Trainer(_CONFIG, generator=generator).fit(
        network,
        create_loss("gaussian_nll"),
        train=_samples(windows, at[: cut - HORIZON]),
        validation=_samples(windows, at[cut:]),
        method=create_method("backprop"),
    )
    quantiles = np.empty((len(task.origins), HORIZON, len(LEVELS)))
    trained = report.model
    assert isinstance(trained, DeepAR)
    for i, origin in enumerate(task.origins):
        values, known = (part.expand(_PATHS, *part.shape[1:]) for part in _inputs(windows, origin))
        paths = trained.draw(values, known, generator).numpy()
        quantiles[i] = empirical(windows.original(paths).T, LEVELS)
    return LEVELS, quantiles


def _inputs(windows: PublishedWindows, at: Ints) -> tuple[torch.Tensor, torch.Tensor]:
    """[n, 25] values before each origin and [n, 49, K] what is known around it."""
    rows = np.atleast_1d(at)[:, None] + np.arange(-_HISTORY, HORIZON)
    values = torch.from_numpy(windows.y[rows[:, :_HISTORY]].astype(np.float32))
    return values, torch.from_numpy(windows.known[rows].astype(np.float32))


def _samples(windows: PublishedWindows, at: Ints) -> TensorData:
    values, known = _inputs(windows, at)
    target = torch.from_numpy(windows.targets(at))
    before = torch.cat([values[:, -1:], target[:, :-1]], dim=1)
    return TensorData((values, known, before), target)
