"""OIALR against backprop on a load forecast, and the premise it rests on: bases that settle."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.training.experiments import Split, mean_squared_error, perceptron
from benchmarks.training.load_forecast import HORIZON, INPUTS, load_forecast
from benchmarks.training.tables import Table
from training_methods import (
    EpochReport,
    MethodReport,
    TensorData,
    Trainer,
    TrainerConfig,
    create_loss,
    create_method,
)
from training_methods.low_rank import basis_similarity, orthogonal_part, weight_matrices

EPOCHS = 60
CONFIG = TrainerConfig(
    max_epochs=EPOCHS,
    batch_size=128,
    learning_rate=1e-3,
    weight_decay=0.01,
    optimizer="adamw",
    schedule="cosine",
)
DELAY = 0.4
CUTOFFS = (0.1, 0.2, 0.35)
VALIDATION_SHARE = 0.15
ERROR_LIMIT, TRAINABLE_LIMIT = 1.05, 0.15


@dataclass(frozen=True)
class Run:
    test: float
    train: float
    seconds: float
    report: MethodReport


def run(seeds: int, data: Path) -> list[Table]:
    torch.set_flush_denormal(True)
    split = load_forecast(data)
    return [_comparison(split, seeds), _premise(split, seeds)]


def _network(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return perceptron(INPUTS, 256, 3, HORIZON, nn.ReLU)


def _fit(split: Split, seed: int, method: str, *, best_epoch: bool = False, **options: Any) -> Run:
    """`best_epoch` gives up the last part of the training data to choose the epoch by."""
    train, validation = split.train, None
    if best_epoch:
        train, validation = _held_out(split.train)
    trainer = Trainer(CONFIG, generator=torch.Generator().manual_seed(seed))
    began = time.perf_counter()
    fit = trainer.fit(
        _network(seed),
        create_loss("mse"),
        train=train,
        validation=validation,
        method=create_method(method, **options),
    )
    seconds = time.perf_counter() - began
    return Run(
        mean_squared_error(fit.model, split.test),
        mean_squared_error(fit.model, train),
        seconds,
        fit.method,
    )


def _held_out(data: TensorData) -> tuple[TensorData, TensorData]:
    assert data.y is not None
    cut = int(len(data) * (1 - VALIDATION_SHARE))
    x, y = data.x[0], data.y
    return TensorData((x[:cut],), y[:cut]), TensorData((x[cut:],), y[cut:])


def _comparison(split: Split, seeds: int) -> Table:
    variants: dict[str, dict[str, Any]] = {"backprop": {"method": "backprop"}}
    for cutoff in CUTOFFS:
        variants[f"OIALR, β = {cutoff}"] = {"method": "oialr", "delay": DELAY, "cutoff": cutoff}
    for name in ("backprop", f"OIALR, β = {CUTOFFS[-1]}"):
        variants[f"{name}, best epoch"] = {**variants[name], "best_epoch": True}
    table = Table(
        f"Load forecast, {INPUTS}-256-256-256-{HORIZON}, {EPOCHS} epochs; OIALR after {DELAY:.0%}",
        ("method", "test MSE", "lowest", "highest", "of backprop", "train MSE", "trainable",
         "stored", "ranks", "seconds a run", "of them SVD"),
    )  # fmt: skip
    reference = 0.0
    for name, options in variants.items():
        runs = [_fit(split, seed, **options) for seed in range(seeds)]
        tests = [r.test for r in runs]
        mean = float(np.mean(tests))
        reference = reference or mean
        trainable, stored = (
            float(np.mean([getattr(r.report, kind) / r.report.dense for r in runs]))
            for kind in ("trainable", "stored")
        )
        table.rows.append(
            (name, mean, min(tests), max(tests), f"{mean / reference:.1%}",
             float(np.mean([r.train for r in runs])), f"{trainable:.1%}", f"{stored:.1%}",
             ", ".join(str(rank) for rank in runs[0].report.ranks.values()),
             float(np.mean([r.seconds for r in runs])),
             float(np.mean([r.report.svd_seconds for r in runs])))
        )  # fmt: skip
        if name == f"OIALR, β = {CUTOFFS[-1]}":
            held = mean <= ERROR_LIMIT * reference and trainable < TRAINABLE_LIMIT
            table.notes.append(
                f"asked: test error at most {ERROR_LIMIT:.0%} of backprop's with less than "
                f"{TRAINABLE_LIMIT:.0%} of the parameters trainable at the end; at β = "
                f"{CUTOFFS[-1]}: {'held' if held else 'NOT held'}"
            )
    table.notes += [
        f"{seeds} seeds; the same initial weights, batches, AdamW, cosine schedule and epochs for "
        "all; trainable and stored relative to the plain network, at the end of training; ranks of "
        "the first seed",
        f"best epoch: chosen on the last {VALIDATION_SHARE:.0%} of the training windows, which are "
        "then not trained on; the counts are those of the last epoch",
    ]
    return table


def _premise(split: Split, seeds: int) -> Table:
    """Similarity of U Vᵀ between consecutive epochs of plain backprop, per layer."""
    layers = [weight.key for weight in weight_matrices(_network(0))]
    table = Table(
        "Similarity of U Vᵀ to the epoch before, in plain backprop (1: the bases stand still)",
        ("schedule", "epoch", *layers),
    )
    for schedule in ("constant", "cosine"):
        found = np.mean([_similarities(split, seed, schedule) for seed in range(seeds)], axis=0)
        for epoch in (1, 2, 5, 10, 15, 20, 30, 45, EPOCHS):
            table.rows.append((schedule, epoch, *(float(value) for value in found[epoch - 1])))
    table.notes.append(
        "epoch 1 is compared with the initial weights; under the cosine schedule part of the "
        "settling is that of the learning rate, which the constant one leaves out"
    )
    return table


def _similarities(split: Split, seed: int, schedule: Any) -> np.ndarray:
    """[epochs, layers]"""
    model = _network(seed)
    weights = weight_matrices(model)
    before: list[Tensor] = [orthogonal_part(weight.matrix()) for weight in weights]
    found: list[list[float]] = []

    def compare(_: EpochReport) -> None:
        now = [orthogonal_part(weight.matrix()) for weight in weights]
        pairs = zip(before, now, strict=True)
        found.append([basis_similarity(earlier, later) for earlier, later in pairs])
        before[:] = now

    Trainer(
        replace(CONFIG, schedule=schedule),
        generator=torch.Generator().manual_seed(seed),
        on_epoch=compare,
    ).fit(model, create_loss("mse"), train=split.train, method=create_method("backprop"))
    return np.array(found)
