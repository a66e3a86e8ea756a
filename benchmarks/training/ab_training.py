"""AB-training against data-parallel training and local SGD: bytes and error on a load forecast.

Ranks run on this machine over the loopback interface; bytes are counted, time is not compared.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.training.experiments import mean_squared_error, run_method
from benchmarks.training.load_forecast import CONFIG, SHAPE, load_forecast, network
from benchmarks.training.tables import Table, mean, spread
from training_methods import Communicator, create_loss
from training_methods.ab_training import AbTraining
from training_methods.distributed import run_ranks

STEPS = 900
GLOBAL_BATCH = CONFIG.batch_size
PHASES: dict[str, Any] = {"warmup": 1 / 6, "period": 150, "full_steps": 15, "rebound_steps": 30}
DATA_PARALLEL, LOCAL_SGD = "data-parallel", "local SGD"
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    DATA_PARALLEL: ("backprop", {}),
    LOCAL_SGD: ("local_sgd", PHASES),
    "AB, with stale": ("ab_training", {**PHASES, "merge_mode": "with_stale"}),
    "AB, only learned": ("ab_training", {**PHASES, "merge_mode": "only_learned"}),
    "AB, only learned, cutoff 0.35": (
        "ab_training",
        {**PHASES, "merge_mode": "only_learned", "cutoff": 0.35},
    ),
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
        {name: mean(run[key] for run in runs) for name, runs in found.items()}
        for key in ("test", "sent")
    )
    plain = sent[DATA_PARALLEL]
    table = Table(
        f"{world} ranks, global batch {batch}, about {STEPS} steps, {SHAPE}",
        ("method", "test MSE", "lowest", "highest", "of data-parallel", "train MSE", "gap",
         "MB a rank", "of data-parallel's", "in the group", "of local SGD's", "ranks",
         "compression"),
    )  # fmt: skip
    for name, runs in found.items():
        train = mean(run["train"] for run in runs)
        table.rows.append(
            (name, *spread([run["test"] for run in runs]),
             f"{error[name] / error[DATA_PARALLEL]:.1%}", train, error[name] - train,
             sent[name] / 1e6, f"{sent[name] / plain:.1%}",
             f"{mean(run['in_group'] for run in runs) / plain:.1%}",
             f"{sent[name] / sent[LOCAL_SGD]:.1%}",
             ", ".join(str(rank) for rank in runs[0]["ranks"]),
             mean(run["compression"] for run in runs))
        )  # fmt: skip
    table.notes = _notes(world, seeds, error, sent)
    return table


def _notes(
    world: int, seeds: int, error: Mapping[str, float], sent: Mapping[str, float]
) -> list[str]:
    plain, local = sent[DATA_PARALLEL], sent[LOCAL_SGD]
    notes = [
        f"asked: at most {BYTES_LIMIT[world]:.0%} of data-parallel's bytes at no more than "
        f"{ERROR_LIMIT:.0%} of its error"
    ]
    for name in sent:
        if not name.startswith("AB"):
            continue
        held = (
            sent[name] <= BYTES_LIMIT[world] * plain
            and error[name] <= ERROR_LIMIT * error[DATA_PARALLEL]
        )
        saved, alone = plain - sent[name], plain - local
        notes.append(
            f"{name}: {'held' if held else 'NOT held'}; of the bytes it saves local SGD with the "
            f"same phases saves {alone / saved:.1%}, low rank's own share is "
            f"{(saved - alone) / saved:.1%}"
        )
    return [
        *notes,
        "bytes a rank sends if every reduction is a ring: 2(p−1)/p of the payload; MB are 10⁶; the "
        "initial weights and the votes on stopping are left out everywhere; in the group: relative "
        "to all of data-parallel's",
        f"{seeds} seeds; AdamW, cosine schedule, every rank with its own share of the windows; "
        "ranks and compression (parameters with the weights as two factors, relative to the plain "
        "network) at the latest decomposition, ranks of the first seed; gap is test less train MSE",
    ]


def train_all(
    communicator: Communicator, data: str, seeds: int, batch: int, names: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """Every variant with every seed, on one rank."""
    split = load_forecast(Path(data))
    own = batch // communicator.world_size
    steps_per_epoch = -(-(len(split.train) // communicator.world_size) // own)
    config = replace(CONFIG, max_epochs=round(STEPS / steps_per_epoch), batch_size=own)
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        method, options = VARIANTS[name]
        found[name] = []
        for seed in range(seeds):
            communicator.traffic.ring.clear()
            run = run_method(
                network, create_loss("mse"), split, mean_squared_error, config, seed, method,
                communicator=communicator, **options,
            )  # fmt: skip
            ring = {k: v for k, v in run.report.comm_ring_bytes.items() if k != "control"}
            found[name].append(
                {
                    "test": run.score,
                    "train": run.train_score,
                    "sent": sum(ring.values()),
                    "in_group": ring.get("group", 0),
                    "ranks": list(run.report.ranks.values()),
                    "compression": (
                        run.method.compression() if isinstance(run.method, AbTraining) else 1.0
                    ),
                }
            )
    return found
