"""`Trainer.fit` on several ranks of this machine, for a caller that is a single process."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import nn

from training_methods.base import Finding, MethodRefused, MethodReport, TensorData
from training_methods.communicator import Communicator
from training_methods.distributed import LocalRanks, RankLauncher
from training_methods.losses import Loss
from training_methods.outcomes import FitReport, TrainingDiverged
from training_methods.registry import create_method
from training_methods.settings import TrainerConfig
from training_methods.trainer import Trainer


def fit_on_ranks(
    model: nn.Module,
    loss: Loss,
    *,
    train: TensorData,
    validation: TensorData | None = None,
    config: TrainerConfig,
    method: str,
    options: Mapping[str, Any] | None = None,
    world_size: int,
    seed: int,
    should_stop: Callable[[], bool] | None = None,
    launcher: RankLauncher | None = None,
) -> FitReport:
    """Train `model` by the method of that name on `world_size` processes, children of this one
    unless `launcher` starts them elsewhere; they end with this call.

    Every rank trains on its own share of the samples (up to `world_size` − 1 are left out to make
    shares equal), `config.batch_size` is the global batch, and validation sees all its data. On a
    CUDA device ranks use one GPU each, over nccl. The report's counts are those of one rank.
    Raises MethodRefused, TrainingStopped, TrainingDiverged.
    """
    if config.batch_size < world_size or len(train) < world_size:
        raise ValueError(f"{world_size} ranks need batches of at least {world_size} samples")
    on_gpu = config.device.type == "cuda"
    cpu = torch.device("cpu")
    answers = (launcher or LocalRanks()).run(
        _fit,
        world_size,
        model.to(cpu),
        loss,
        train.to(cpu),
        None if validation is None else validation.to(cpu),
        config,
        method,
        dict(options or {}),
        seed,
        backend="nccl" if on_gpu else "gloo",
        should_stop=should_stop,
    )
    answer = answers[0]
    if "refused" in answer:
        raise MethodRefused(method, [Finding(**finding) for finding in answer["refused"]])
    if "diverged" in answer:
        raise TrainingDiverged(answer["diverged"])
    model.load_state_dict(answer["state"])
    counts = answer["method"]
    findings = tuple(Finding(**finding) for finding in counts.pop("findings"))
    return FitReport(
        model=model.to(config.device).eval(),
        method=MethodReport(**counts, findings=findings),
        epochs=answer["epochs"],
        best_epoch=answer["best_epoch"],
        train_losses=tuple(answer["train_losses"]),
        validation_losses=tuple(answer["validation_losses"]),
        stopped_early=answer["stopped_early"],
    )


def _fit(
    communicator: Communicator,
    model: nn.Module,
    loss: Loss,
    train: TensorData,
    validation: TensorData | None,
    config: TrainerConfig,
    method: str,
    options: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """One rank's part, as plain values: what all ranks refuse or fail at, they do together."""
    rank, world = communicator.rank, communicator.world_size
    on_gpu = config.device.type == "cuda"
    device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else config.device
    trainer = Trainer(
        replace(config, device=device, batch_size=config.batch_size // world),
        generator=torch.Generator().manual_seed(seed + rank),
        communicator=communicator,
    )
    try:
        report = trainer.fit(
            # Tensors reach the ranks in memory that all of them share.
            copy.deepcopy(model),
            loss,
            train=_share(train, rank, world),
            validation=validation,
            method=create_method(method, **options),
        )
    except MethodRefused as refusal:
        return {"refused": [asdict(finding) for finding in refusal.findings]}
    except TrainingDiverged as failure:
        return {"diverged": str(failure)}
    return {
        "state": {key: value.cpu() for key, value in report.model.state_dict().items()},
        "method": asdict(report.method),
        "epochs": report.epochs,
        "best_epoch": report.best_epoch,
        "train_losses": list(report.train_losses),
        "validation_losses": list(report.validation_losses),
        "stopped_early": report.stopped_early,
    }


def _share(data: TensorData, rank: int, world: int) -> TensorData:
    """Every `world`-th sample from number `rank` on."""
    each = len(data) // world
    return TensorData(
        tuple(tensor[rank::world][:each].clone() for tensor in data.x),
        None if data.y is None else data.y[rank::world][:each].clone(),
    )
