"""How a run ends: its reports, and the two ways it ends without one."""

from dataclasses import dataclass

from torch import nn

from training_methods.base import MethodReport


class TrainingStopped(Exception):  # noqa: N818 - not a failure
    """`should_stop` answered yes between two epochs."""


class RankLost(RuntimeError):  # noqa: N818 - a loss, told apart from errors of the training
    """A process of several that train together ended without a word."""


class TrainingDiverged(ArithmeticError):  # noqa: N818 - named as its sibling
    """The loss is no longer a finite number."""


@dataclass(frozen=True)
class EpochReport:
    """One finished epoch, counted from 1. Losses are means over samples."""

    epoch: int
    max_epochs: int
    train_loss: float
    validation_loss: float | None
    best_epoch: int
    learning_rate: float


@dataclass(frozen=True)
class FitReport:
    """A finished run. `model` is plain, dense, in eval mode, with the weights of `best_epoch`
    (counted from 1; the last epoch when there was no validation data)."""

    model: nn.Module
    method: MethodReport
    epochs: int
    best_epoch: int
    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    stopped_early: bool
