"""Data, networks and the one way a method is run and scored here."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits, make_friedman1
from torch import nn

from training_methods import (
    Communicator,
    Loss,
    MethodReport,
    TensorData,
    Trainer,
    TrainerConfig,
    TrainingMethod,
    create_method,
)


@dataclass(frozen=True)
class Split:
    train: TensorData
    test: TensorData


@dataclass(frozen=True)
class Outcome:
    """One training run: the score on test and on training data, the last epoch's training loss, CPU
    seconds of training, the method's own counts, and the method as the run left it."""

    score: float
    train_score: float
    train_loss: float
    seconds: float
    report: MethodReport
    method: TrainingMethod


def friedman1(seed: int, samples: int = 2000) -> Split:
    """Regression of ten inputs, five of them idle; inputs and target standardised, a quarter of
    the samples held out."""
    x, y = make_friedman1(samples, noise=1.0, random_state=seed)
    cut = samples * 3 // 4
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    y = (y - y[:cut].mean()) / y[:cut].std()
    return _split(x, y[:, None].astype(np.float32), cut, seed)


def digits(seed: int) -> Split:
    """8×8 images of digits in [0, 1], flat; a quarter held out."""
    x, y = load_digits(return_X_y=True)
    return _split(x / 16, y.astype(np.int64), len(x) * 3 // 4, seed)


def _split(x: np.ndarray, y: np.ndarray, cut: int, seed: int) -> Split:
    order = np.random.default_rng(seed).permutation(len(x))
    inputs, targets = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y)
    train, test = torch.from_numpy(order[:cut]), torch.from_numpy(order[cut:])
    return Split(
        TensorData((inputs[train],), targets[train]), TensorData((inputs[test],), targets[test])
    )


def perceptron(
    inputs: int, hidden: int, layers: int, outputs: int, activation: type[nn.Module] = nn.Tanh
) -> nn.Sequential:
    widths = [inputs, *[hidden] * layers]
    modules: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        modules += [nn.Linear(before, after), activation()]
    return nn.Sequential(*modules, nn.Linear(widths[-1], outputs))


def accuracy(model: nn.Module, data: TensorData) -> float:
    assert data.y is not None
    with torch.no_grad():
        return float((model(*data.x).argmax(-1) == data.y).float().mean())


def test_error(model: nn.Module, data: TensorData) -> float:
    """Share of samples classified wrongly."""
    return 1 - accuracy(model, data)


def mean_squared_error(model: nn.Module, data: TensorData) -> float:
    assert data.y is not None
    with torch.no_grad():
        return float((model(*data.x) - data.y).square().mean())


def run_method(
    network: Callable[[], nn.Module],
    loss: Loss,
    split: Split,
    score: Callable[[nn.Module, TensorData], float],
    config: TrainerConfig,
    seed: int,
    method: str,
    *,
    validation: TensorData | None = None,
    communicator: Communicator | None = None,
    **options: Any,
) -> Outcome:
    """Train a fresh network and score it: for all epochs of `config`, or with `validation` up to
    the best one. Over several ranks every rank trains on its own share of `split.train`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = network()
    world, rank = (communicator.world_size, communicator.rank) if communicator else (1, 0)
    trainer = Trainer(
        config,
        generator=torch.Generator().manual_seed(world * seed + rank),
        communicator=communicator,
    )
    used = create_method(method, **options)
    start = time.process_time()
    fit = trainer.fit(
        model, loss, train=every(split.train, world, rank), validation=validation, method=used
    )
    return Outcome(
        score=score(fit.model, split.test),
        train_score=score(fit.model, split.train),
        train_loss=fit.train_losses[-1],
        seconds=time.process_time() - start,
        report=fit.method,
        method=used,
    )


def every(data: TensorData, step: int, first: int) -> TensorData:
    """Every `step`-th sample from the `first` on: one rank's share, or a thinned part."""
    if step == 1:
        return data
    count = len(data) // step
    return TensorData(
        tuple(tensor[first::step][:count] for tensor in data.x),
        None if data.y is None else data.y[first::step][:count],
    )
