"""AB-training against data-parallel training and local SGD: bytes and error on a load forecast.

Ranks run on this machine over the loopback interface; bytes are counted, time is not compared.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.training.experiments import mean_squared_error, perceptron
from benchmarks.training.load_forecast import HORIZON, INPUTS, every, load_forecast
from benchmarks.training.tables import Table
from training_methods import Communicator, Trainer, TrainerConfig, create_loss, create_method
from training_methods.ab_training import AbTraining
from training_methods.distributed import run_ranks

STEPS = 900
GLOBAL_BATCH = 128
PHASES: dict[str, Any] = {"warmup": 1 / 6, "period": 150, "full_steps": 15, "rebound_steps": 30}
DATA_PARALLEL, LOCAL_SGD = "data-parallel", "local SGD"
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    DATA_PARALLEL: ("backprop", {}),
    LOCAL_SGD: ("local_sgd", PHASES),
    "AB, with stale": ("ab_training", {**PHASES, "merge_mode": "with_stale"}),
    "AB, only learned": ("ab_training", {**PHASES, "merge_mode": "only_learned"}),
    "AB, full": ("ab_training", {**PHASES, "merge_mode": "full"}),
    "AB, only B": ("ab_training", {**PHASES, "merge_mode": "only_b"}),
}
DOUBLED = (DATA_PARALLEL, LOCAL_SGD, "AB, with stale")
BYTES_LIMIT = {2: 0.40, 4: 0.65}
ERROR_LIMIT = 1.05


def run(seeds: int, data: Path) -> list[Table]:
    plans = [(2, GLOBAL_BATCH, tuple(VARIANTS)), (4, GLOBAL_BATCH, tuple(VARIANTS)),
             (2, 2 * GLOBAL_BATCH, DOUBLED)]  # fmt: skip
    return [_table(data, seeds, world, batch, names) for world, batch, names in plans]


def _table(data: Path, seeds: int, world: int, batch: int, names: tuple[str, ...]) -> Table:
    found: dict[str, list[dict[str, Any]]] = run_ranks(
        train_all, world, str(data), seeds, batch, names
    )[0]
    error, sent = (
        {name: float(np.mean([r[key] for r in runs])) for name, runs in found.items()}
        for key in ("test", "sent")
    )
    table = Table(
        f"{world} ranks, global batch {batch}, about {STEPS} steps, {INPUTS}-256-256-256-{HORIZON}",
        ("method", "test MSE", "lowest", "highest", "of data-parallel", "train MSE", "gap",
         "MB a rank", "of data-parallel's", "of it in the group", "ranks", "compression"),
    )  # fmt: skip
    for name, runs in found.items():
        tests = [r["test"] for r in runs]
        train = float(np.mean([r["train"] for r in runs]))
        table.rows.append(
            (name, error[name], min(tests), max(tests), f"{error[name] / error[DATA_PARALLEL]:.1%}",
             train, error[name] - train, sent[name] / 1e6,
             f"{sent[name] / sent[DATA_PARALLEL]:.1%}",
             f"{np.mean([r['in_group'] for r in runs]) / sent[DATA_PARALLEL]:.1%}",
             ", ".join(str(rank) for rank in runs[0]["ranks"]),
             float(np.mean([r["compression"] for r in runs])))
        )  # fmt: skip
    table.notes = _notes(world, seeds, error, sent)
    return table


def _notes(
    world: int, seeds: int, error: Mapping[str, float], sent: Mapping[str, float]
) -> list[str]:
    best, plain, local = "AB, with stale", sent[DATA_PARALLEL], sent[LOCAL_SGD]
    share = sent[best] / plain
    held = share <= BYTES_LIMIT[world] and error[best] <= ERROR_LIMIT * error[DATA_PARALLEL]
    saved, alone = plain - sent[best], plain - local
    return [
        f"asked: at most {BYTES_LIMIT[world]:.0%} of data-parallel's bytes at no more than "
        f"{ERROR_LIMIT:.0%} of its error; {best}: {'held' if held else 'NOT held'}",
        f"of the bytes saved by {best}, {alone / saved:.1%} are saved by local SGD with the same "
        f"phases as well; low rank's own share is {(saved - alone) / saved:.1%}",
        "bytes a rank sends if every reduction is a ring: 2(p−1)/p of the payload; MB are 10⁶; the "
        "initial weights and the votes on stopping are left out everywhere",
        f"{seeds} seeds; AdamW, cosine schedule, every rank with its own share of the windows; "
        "ranks and compression (parameters with the weights as two factors, relative to the plain "
        "network) at the latest decomposition, ranks of the first seed; gap is test less train MSE",
    ]


def train_all(
    communicator: Communicator, data: str, seeds: int, batch: int, names: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """Every variant with every seed, on one rank."""
    split = load_forecast(Path(data))
    world, rank = communicator.world_size, communicator.rank
    train = every(split.train, world, rank)
    steps_per_epoch = -(-len(train) // (batch // world))
    config = TrainerConfig(
        max_epochs=round(STEPS / steps_per_epoch),
        batch_size=batch // world,
        learning_rate=1e-3,
        weight_decay=0.01,
        optimizer="adamw",
        schedule="cosine",
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        method_name, options = VARIANTS[name]
        found[name] = []
        for seed in range(seeds):
            communicator.traffic.ring.clear()
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                model = perceptron(INPUTS, 256, 3, HORIZON, nn.ReLU)
            method = create_method(method_name, **options)
            generator = torch.Generator().manual_seed(1000 * seed + rank)
            fit = Trainer(config, generator=generator, communicator=communicator).fit(
                model, create_loss("mse"), train=train, method=method
            )
            ring = {k: v for k, v in fit.method.comm_ring_bytes.items() if k != "control"}
            found[name].append(
                {
                    "test": mean_squared_error(fit.model, split.test),
                    "train": mean_squared_error(fit.model, split.train),
                    "sent": sum(ring.values()),
                    "in_group": ring.get("group", 0),
                    "ranks": list(fit.method.ranks.values()),
                    "compression": (
                        method.compression() if isinstance(method, AbTraining) else 1.0
                    ),
                }
            )
    return found
