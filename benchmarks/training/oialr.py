"""OIALR against backprop on a load forecast, and the premise it rests on: bases that settle."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.training.experiments import Outcome, Split, mean_squared_error, run_method
from benchmarks.training.load_forecast import CONFIG, SHAPE, load_forecast, network
from benchmarks.training.tables import Table, mean, spread
from training_methods import EpochReport, TensorData, Trainer, create_loss, create_method
from training_methods.low_rank import basis_similarity, orthogonal_part, weight_matrices

DELAY = 0.4
CUTOFFS = (0.1, 0.2, 0.35)
VALIDATION_SHARE = 0.15
ERROR_LIMIT, TRAINABLE_LIMIT = 1.05, 0.15


def run(seeds: int, data: Path) -> list[Table]:
    torch.set_flush_denormal(True)
    split = load_forecast(data)
    return [_comparison(split, seeds), _premise(split, seeds)]


def _fit(
    split: Split, seed: int, method: str, *, best_epoch: bool = False, **options: Any
) -> Outcome:
    """`best_epoch` gives up the last part of the training data to choose the epoch by."""
    validation = None
    if best_epoch:
        train, validation = _held_out(split.train)
        split = Split(train, split.test)
    return run_method(
        network, create_loss("mse"), split, mean_squared_error, CONFIG, seed, method,
        validation=validation, **options,
    )  # fmt: skip


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
        f"Load forecast, {SHAPE}, {CONFIG.max_epochs} epochs; OIALR after {DELAY:.0%}",
        ("method", "test MSE", "lowest", "highest", "of backprop", "train MSE", "trainable",
         "stored", "ranks", "CPU seconds a run", "of them SVD"),
    )  # fmt: skip
    reference = 0.0
    for name, options in variants.items():
        runs = [_fit(split, seed, **options) for seed in range(seeds)]
        tests = [run.score for run in runs]
        error = mean(tests)
        reference = reference or error
        trainable, stored = (
            mean(getattr(run.report, kind) / run.report.dense for run in runs)
            for kind in ("trainable", "stored")
        )
        table.rows.append(
            (name, *spread(tests), f"{error / reference:.1%}",
             mean(run.train_score for run in runs), f"{trainable:.1%}", f"{stored:.1%}",
             ", ".join(str(rank) for rank in runs[0].report.ranks.values()),
             mean(run.seconds for run in runs), mean(run.report.svd_seconds for run in runs))
        )  # fmt: skip
        if name == f"OIALR, β = {CUTOFFS[-1]}":
            held = error <= ERROR_LIMIT * reference and trainable < TRAINABLE_LIMIT
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
    layers = [weight.key for weight in weight_matrices(network())]
    table = Table(
        "Similarity of U Vᵀ to the epoch before, in plain backprop (1: the bases stand still)",
        ("schedule", "epoch", *layers),
    )
    for schedule in ("constant", "cosine"):
        found = np.mean([_similarities(split, seed, schedule) for seed in range(seeds)], axis=0)
        for epoch in (1, 2, 5, 10, 15, 20, 30, 45, CONFIG.max_epochs):
            table.rows.append((schedule, epoch, *(float(value) for value in found[epoch - 1])))
    table.notes.append(
        "epoch 1 is compared with the initial weights; under the cosine schedule part of the "
        "settling is that of the learning rate, which the constant one leaves out"
    )
    return table


def _similarities(split: Split, seed: int, schedule: Any) -> np.ndarray:
    """[epochs, layers]"""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = network()
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
