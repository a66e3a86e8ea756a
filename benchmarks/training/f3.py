"""F³ between direct random target projection (DRTP) and backprop, its controls beside it."""

from typing import Any

import numpy as np

from benchmarks.training.experiments import (
    accuracy,
    digits,
    friedman1,
    mean_squared_error,
    perceptron,
    run_method,
)
from benchmarks.training.tables import Table
from training_methods import TrainerConfig, create_loss

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "backprop": ("backprop", {}),
    "last layer only": ("last_layer_only", {}),
    "DRTP": ("f3", {"error": "target"}),
    "DFA": ("f3", {"error": "current"}),
    "F³": ("f3", {}),
}


def run(seeds: int) -> list[Table]:
    return [_friedman1(seeds), _digits(seeds)]


def _friedman1(seeds: int) -> Table:
    config = TrainerConfig(max_epochs=100, batch_size=50, learning_rate=1e-3)
    scores, seconds = {}, {}
    for name, (method, options) in VARIANTS.items():
        runs = [
            run_method(
                lambda: perceptron(10, 100, 1, 1), create_loss("mse"), friedman1(seed),
                mean_squared_error, config, seed, method, **options,
            )
            for seed in range(seeds)
        ]  # fmt: skip
        scores[name] = [r.score for r in runs]
        seconds[name] = [r.seconds for r in runs]
    return gap_table("friedman1, 10-100-1, test MSE of the standardised target", scores, seconds)


def _digits(seeds: int) -> Table:
    config = TrainerConfig(max_epochs=40, batch_size=50, learning_rate=2e-4)
    scores, seconds = {}, {}
    for name, (method, options) in VARIANTS.items():
        runs = [
            run_method(
                lambda: perceptron(64, 200, 3, 10), create_loss("cross_entropy"), digits(seed),
                lambda model, data: 1 - accuracy(model, data), config, seed, method, **options,
            )
            for seed in range(seeds)
        ]  # fmt: skip
        scores[name] = [r.score for r in runs]
        seconds[name] = [r.seconds for r in runs]
    return gap_table("digits, 64-200-200-200-10, test error", scores, seconds)


def gap_table(title: str, scores: dict[str, list[float]], seconds: dict[str, list[float]]) -> Table:
    """Rows of mean scores (lower is better) and the share of the DRTP→backprop gap closed."""
    table = Table(title, ("method", "mean", "lowest", "highest", "gap closed", "seconds a run"))
    worst, best = np.mean(scores["DRTP"]), np.mean(scores["backprop"])
    for name, values in scores.items():
        closed = (worst - np.mean(values)) / (worst - best)
        table.rows.append(
            (name, float(np.mean(values)), min(values), max(values), f"{closed:.0%}",
             float(np.mean(seconds[name])))
        )  # fmt: skip
    table.notes.append(
        f"{len(scores['F³'])} seeds; the same initial weights, batches, epochs, Adam and learning "
        "rate for all; the gap is that of the means, from DRTP (0 %) to backprop (100 %)"
    )
    return table
