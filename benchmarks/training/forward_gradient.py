"""Forward gradients: estimates against their formulas, accuracy by the number of tangents, and
projection against mean, each at its own best learning rate."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.training.experiments import Outcome, accuracy, digits, perceptron, run_method
from benchmarks.training.tables import Table
from training_methods import (
    LocalCommunicator,
    MethodContext,
    TensorData,
    TrainerConfig,
    create_loss,
    create_method,
)

TANGENTS = (1, 4, 16, 64)


def run(seeds: int) -> list[Table]:
    return [_quality(), _accuracy(seeds), _projection_against_mean(seeds)]


def _quality() -> Table:
    """‖ĝ − g‖²/‖g‖² of a network's loss, weight perturbation, over many draws of tangents."""
    table = Table(
        "Relative squared error of the estimate, weight perturbation",
        ("aggregation", "k", "n", "draws", "measured", "formula", "deviation"),
    )
    torch.manual_seed(0)
    model = perceptron(8, 12, 1, 4)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(16, 8, generator=generator)
    data = TensorData((x,), x[:, :4].sin())
    loss = create_loss("mse")
    gradient = _flat(torch.autograd.grad(loss(model(x), data.y), list(model.parameters())))
    n = gradient.numel()
    for aggregation in ("mean", "projection"):
        for k in TANGENTS:
            draws = max(600, 8_000 // k)
            measured = np.mean(_errors(model, data, gradient, aggregation, k, draws))
            formula = (n + 1) / k if aggregation == "mean" else 1 - k / n
            table.rows.append(
                (
                    aggregation,
                    k,
                    n,
                    draws,
                    float(measured),
                    formula,
                    f"{measured / formula - 1:+.1%}",
                )
            )
    table.notes.append("raw scale, Gaussian tangents; formulas: mean (n+1)/k, projection 1 − k/n")
    return table


def _errors(
    model: nn.Module, data: TensorData, gradient: Tensor, aggregation: str, k: int, draws: int
) -> list[float]:
    method = create_method(
        "forward_gradient", tangents=k, perturbation="weight", aggregation=aggregation,
        scale="raw", exact_output=False,
    )  # fmt: skip
    method.prepare(
        model,
        create_loss("mse"),
        MethodContext(
            data, torch.device("cpu"), torch.Generator().manual_seed(2), LocalCommunicator(), 1, 1
        ),
    )
    batch = data.gather(torch.arange(len(data)))
    errors = []
    for step in range(draws):
        method.compute_gradients(batch, step)
        estimate = _flat([p.grad for p in model.parameters() if p.grad is not None])
        errors.append(((estimate - gradient).square().sum() / gradient.square().sum()).item())
    return errors


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
        ("method", "k", "mean", "lowest", "highest", "seconds a run"),
    )
    paper = {"per_sample": False, "exact_output": False}
    variants: list[tuple[str, str, str, dict[str, Any]]] = [
        ("backprop", "backprop", "–", {}),
        ("last layer only", "last_layer_only", "–", {}),
    ]
    for k in TANGENTS:
        variants.append(("default", "forward_gradient", str(k), {"tangents": k}))
        variants.append(("shared tangents, output estimated", "forward_gradient", str(k),
                         {"tangents": k, **paper}))  # fmt: skip
    for name, method, count, options in variants:
        runs = [_digits_run(seed, method, 1e-3, **options) for seed in range(seeds)]
        scores = [r.score for r in runs]
        table.rows.append(
            (name, count, float(np.mean(scores)), min(scores), max(scores),
             float(np.mean([r.seconds for r in runs])))
        )  # fmt: skip
    table.notes.append(
        f"{seeds} seeds, activity perturbation, projection, Adam, learning rate 1e-3, batch 64"
    )
    return table


def _projection_against_mean(seeds: int) -> Table:
    """Both aggregations at the learning rate that is best for each (SGD, k = 16)."""
    table = Table(
        "Projection against mean, k = 16, digits, SGD",
        ("aggregation", "best learning rate", "final training loss", "test accuracy"),
    )
    for aggregation in ("mean", "projection"):
        best: tuple[float, float, float] | None = None
        for learning_rate in (0.02, 0.05, 0.125, 0.3):
            outcomes = [
                _digits_run(
                    seed, "forward_gradient", learning_rate, optimizer="sgd", tangents=16,
                    per_sample=False, exact_output=False, aggregation=aggregation,
                )
                for seed in range(seeds)
            ]  # fmt: skip
            loss = float(np.mean([outcome.train_loss for outcome in outcomes]))
            score = float(np.mean([outcome.score for outcome in outcomes]))
            if best is None or loss < best[1]:
                best = (learning_rate, loss, score)
        assert best is not None
        table.rows.append((aggregation, *best))
    table.notes.append("shared tangents, all block outputs perturbed, unbiased scale, 10 epochs")
    return table
