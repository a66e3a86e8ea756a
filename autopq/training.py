"""Training a network by the method that a component's parameters name, on one rank or several."""

import copy
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import torch
from torch import nn

from autopq.context import FitContext
from autopq.errors import DeviceFullError, InputError, Issue, Stopped
from autopq.task import TaskConfig
from autopq.training_plan import STAGES
from training_methods import (
    FitReport,
    Loss,
    TensorData,
    Trainer,
    TrainerConfig,
    TrainingMethod,
    TrainingStopped,
    create_method,
)
from training_methods.distributed_fit import fit_on_ranks

logger = logging.getLogger(__name__)

METHOD_PARAMS = ("training_method", "training_options", "training_ranks")


@dataclass(frozen=True)
class TrainingCounts:
    """What training one or several networks took, counted. Parameters are sums over the networks.

    `trainable` could still change at the end of training, `stored` were kept then, `dense` make
    up the networks that came of it. `bytes_sent` are those of one rank in ring collectives.
    """

    method: str
    ranks: int
    trainable: int
    stored: int
    dense: int
    bytes_sent: int

    @classmethod
    def of(cls, report: FitReport, params: Mapping[str, Any]) -> Self:
        counts = report.method
        return cls(
            method=counts.method,
            ranks=int(params["training_ranks"]),
            trainable=counts.trainable,
            stored=counts.stored,
            dense=counts.dense,
            bytes_sent=sum(counts.comm_ring_bytes.values()),
        )

    def __add__(self, other: "TrainingCounts") -> "TrainingCounts":
        """Two networks that were trained alike."""
        return replace(
            self,
            trainable=self.trainable + other.trainable,
            stored=self.stored + other.stored,
            dense=self.dense + other.dense,
            bytes_sent=self.bytes_sent + other.bytes_sent,
        )


def described(counts: Iterable[TrainingCounts]) -> dict[str, Any]:
    """The entry `training` of a report: the sum over a component's networks."""
    first, *others = counts
    for other in others:
        first = first + other
    return asdict(first)


def train_network(
    network: nn.Module,
    loss: Loss,
    *,
    train: TensorData,
    validation: TensorData | None,
    config: TrainerConfig,
    params: Mapping[str, Any],
    generator: torch.Generator,
    context: FitContext,
) -> FitReport:
    """Train by `params["training_method"]` with its `training_options` on `training_ranks`
    processes; on GPUs if there is one for every rank.

    Where the device's memory is full, training starts again once, in batches of half the size.
    Raises InputError for an unknown method or option, Stopped when the observer asks to stop,
    DeviceFullError when smaller batches did not help, and MethodRefused when the method does not
    fit the network or its loss.
    """
    spare, state = copy.deepcopy(network), generator.get_state()

    def attempt(network: nn.Module, config: TrainerConfig) -> FitReport:
        return _train(
            network,
            loss,
            train=train,
            validation=validation,
            config=config,
            params=params,
            generator=generator,
            context=context,
        )

    try:
        return attempt(network, config)
    except torch.OutOfMemoryError:
        smaller = replace(config, batch_size=max(config.batch_size // 2, 1))
    # Outside the handler, whose traceback keeps the tensors of the first training alive.
    logger.warning(
        "the memory of %s is full; training again in batches of %d",
        config.device,
        smaller.batch_size,
    )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    generator.set_state(state)
    try:
        return attempt(spare, smaller)
    except torch.OutOfMemoryError as error:
        raise DeviceFullError(
            f"The memory of {config.device} does not hold this training, even in batches of "
            f"{smaller.batch_size}. Use a device with more memory, or a smaller network."
        ) from error


def _train(
    network: nn.Module,
    loss: Loss,
    *,
    train: TensorData,
    validation: TensorData | None,
    config: TrainerConfig,
    params: Mapping[str, Any],
    generator: torch.Generator,
    context: FitContext,
) -> FitReport:
    method = method_of(params)
    ranks = int(params["training_ranks"])
    should_stop = context.observer.should_stop
    try:
        if ranks == 1:
            trainer = Trainer(config, generator=generator, should_stop=should_stop)
            return trainer.fit(network, loss, train=train, validation=validation, method=method)
        if config.device.type == "cuda" and not context.ranks.has_gpus(ranks):
            config = replace(config, device=torch.device("cpu"))
        return fit_on_ranks(
            network,
            loss,
            train=train,
            validation=validation,
            config=config,
            method=method.name,
            options=params["training_options"],
            world_size=ranks,
            seed=int(torch.randint(2**31, (), generator=generator)),
            should_stop=should_stop,
            launcher=context.ranks,
        )
    except TrainingStopped as stopped:
        raise Stopped(str(stopped)) from stopped


def method_of(params: Mapping[str, Any], field: str = "training_method") -> TrainingMethod:
    """A fresh method. Raises InputError, about `field`, for an unknown name or option."""
    try:
        return create_method(params["training_method"], **params["training_options"])
    except (ValueError, TypeError) as error:
        raise InputError(Issue(field, f"{error}.", "Correct the name or its options.")) from error


def check_methods(config: TaskConfig) -> None:
    """Whether every method of the task takes its options. Raises InputError."""
    issues: list[Issue] = []
    for stage in STAGES:
        for number, choice in enumerate(config.training_methods.of(stage) or ()):
            try:
                method_of(choice.params(), f"training_methods.{stage}.{number}")
            except InputError as error:
                issues += error.issues
    if issues:
        raise InputError(issues)
