"""Forward gradients: estimates against their formulas, accuracy by the number of tangents, and
projection against mean, each at its own best learning rate."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.training.experiments import Outcome, accuracy, digits, perceptron, run_method
from benchmarks.training.tables import Table, mean, spread
from training_methods import (
    LocalCommunicator,
    MethodContext,
    TensorData,
    TrainerConfig,
    TrainingDiverged,
    create_loss,
    create_method,
)

TANGENTS = (1, 4, 16, 64)
COMPARED_TANGENTS = (16, 64)
LEARNING_RATES = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3)
QUALITY_LIMIT = 0.05


def run(seeds: int) -> list[Table]:
    return [_quality(), _accuracy(seeds), _projection_against_mean(seeds)]


def _quality() -> Table:
    """‖ĝ − g‖²/‖g‖² of a network's loss, weight perturbation, over many draws of tangents."""
    table = Table(
        "Relative squared error of the estimate at equal k, weight perturbation",
        ("aggregation", "scale", "k", "n", "draws", "measured", "formula", "deviation"),
    )
    torch.manual_seed(0)
    model = perceptron(8, 12, 1, 4)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(16, 8, generator=generator)
    data = TensorData((x,), x[:, :4].sin())
    loss = create_loss("mse")
    gradient = _flat(torch.autograd.grad(loss(model(x), data.y), list(model.parameters())))
    n = gradient.numel()
    deviations = []
    for k in TANGENTS:
        draws = max(800, 8_000 // k)
        for aggregation, formulas in (
            ("mean", {"unbiased": (n + 1) / k}),
            ("projection", {"unbiased": n / k - 1, "raw": 1 - k / n}),
        ):
            # What is not scaled to be unbiased is smaller by k/n.
            scales = {"unbiased": 1.0, "raw": k / n}
            estimates = _estimates(model, data, aggregation, k, draws)
            for scale, formula in formulas.items():
                errors = (scales[scale] * estimates - gradient).square().sum(1)
                measured = float(errors.mean() / gradient.square().sum())
                deviations.append(measured / formula - 1)
                table.rows.append(
                    (aggregation, scale, k, n, draws, measured, formula, f"{deviations[-1]:+.1%}")
                )
    largest = max(abs(deviation) for deviation in deviations)
    table.notes += [
        "Gaussian tangents; formulas: mean (n+1)/k, unbiased projection n/k − 1, raw 1 − k/n",
        f"asked: within {QUALITY_LIMIT:.0%} of the formulas: "
        f"{'held' if largest <= QUALITY_LIMIT else 'NOT held'} (largest deviation {largest:.1%})",
    ]
    return table


def _estimates(model: nn.Module, data: TensorData, aggregation: str, k: int, draws: int) -> Tensor:
    """[draws, n] unbiased estimates of the loss's gradient."""
    method = create_method(
        "forward_gradient", tangents=k, perturbation="weight", aggregation=aggregation,
        exact_output=False,
    )  # fmt: skip
    method.prepare(
        model,
        create_loss("mse"),
        MethodContext(
            data, torch.device("cpu"), torch.Generator().manual_seed(2), LocalCommunicator(), 1, 1
        ),
    )
    batch = data.gather(torch.arange(len(data)))
    found = []
    for step in range(draws):
        method.compute_gradients(batch, step)
        found.append(_flat([p.grad for p in model.parameters() if p.grad is not None]))
    return torch.stack(found)


def _flat(tensors: Any) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def _digits_run(seed: int, method: str, learning_rate: float, **options: Any) -> Outcome:
    config = TrainerConfig(
        max_epochs=10, batch_size=64,
        optimizer=options.pop("optimizer", "adam"), learning_rate=learning_rate,
    )  # fmt: skip
    return run_method(
        lambda: perceptron(64, 64, 2, 10, nn.ReLU), create_loss("cross_entropy"), digits(seed),
        accuracy, config, seed, method, **options,
    )  # fmt: skip


def _accuracy(seeds: int) -> Table:
    """Test accuracy by k for the defaults and for the setting of the paper."""
    table = Table(
        "digits, 64-64-64-10, test accuracy after 10 epochs",
        ("method", "k", "mean", "lowest", "highest", "CPU seconds a run"),
    )
    settings: dict[str, dict[str, Any]] = {
        "default": {},
        "shared tangents, output estimated": {"per_sample": False, "exact_output": False},
    }
    variants: list[tuple[str, int | str, str, dict[str, Any]]] = [
        ("backprop", "–", "backprop", {}),
        ("last layer only", "–", "last_layer_only", {}),
    ]
    for name, options in settings.items():
        for k in TANGENTS:
            variants.append((name, k, "forward_gradient", {"tangents": k, **options}))
    means: dict[str, list[float]] = {}
    for name, k, method, options in variants:
        runs = [_digits_run(seed, method, 1e-3, **options) for seed in range(seeds)]
        scores = [run.score for run in runs]
        means.setdefault(name, []).append(mean(scores))
        table.rows.append((name, k, *spread(scores), mean(run.seconds for run in runs)))
    rises = all(a < b for name in settings for a, b in pairwise(means[name]))
    table.notes += [
        f"{seeds} seeds, activity perturbation, projection, Adam, learning rate 1e-3, batch 64",
        f"asked: accuracy rises with k: {'held' if rises else 'NOT held'}",
    ]
    return table


def _projection_against_mean(seeds: int) -> Table:
    """Both aggregations at the learning rate that is best for each, at equal k."""
    table = Table(
        "Projection against mean at equal k, digits, SGD",
        ("k", "aggregation", "best learning rate", "training loss", "lowest", "highest",
         "test accuracy", "searched"),
    )  # fmt: skip
    for k in COMPARED_TANGENTS:
        for aggregation in ("mean", "projection"):
            found = {
                rate: [_searched_run(seed, k, aggregation, rate) for seed in range(seeds)]
                for rate in LEARNING_RATES
            }
            losses = {rate: [loss for loss, _ in runs] for rate, runs in found.items()}
            best = min(LEARNING_RATES, key=lambda rate: mean(losses[rate]))
            searched = ", ".join(f"{rate:g}: {mean(losses[rate]):.3g}" for rate in LEARNING_RATES)
            table.rows.append(
                (k, aggregation, best, *spread(losses[best]),
                 mean(score for _, score in found[best]), searched)
            )  # fmt: skip
    table.notes.append(
        f"{seeds} seeds, shared tangents, all 138 outputs of the blocks perturbed, unbiased scale, "
        "10 epochs, batch 64; the rate with the lowest mean training loss of those searched, a run "
        "that diverges counting as infinite"
    )
    return table


def _searched_run(seed: int, k: int, aggregation: str, rate: float) -> tuple[float, float]:
    """(training loss, test accuracy); infinite and 0 for a run that diverges."""
    try:
        run = _digits_run(
            seed, "forward_gradient", rate, optimizer="sgd", tangents=k, per_sample=False,
            exact_output=False, aggregation=aggregation,
        )  # fmt: skip
    except TrainingDiverged:
        return math.inf, 0.0
    return run.train_loss, run.score
