"""Settings of one training run."""

from dataclasses import dataclass, field

import torch

from training_methods.optimization import OPTIMIZERS, SCHEDULES, OptimizerName, ScheduleName


@dataclass(frozen=True)
class TrainerConfig:
    """Settings of one run. `patience` counts epochs without an improvement of more than
    `min_delta` (None: never stop early); `clip_norm` bounds the global gradient norm;
    `momentum` serves `sgd` alone. On a CPU a fit uses `threads` of them (None: as many as the
    process): a second one makes a step of a small network slower, not faster."""

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    optimizer: OptimizerName = "adam"
    momentum: float = 0.0
    schedule: ScheduleName = "constant"
    patience: int | None = None
    min_delta: float = 0.0
    clip_norm: float | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    threads: int | None = 1

    def __post_init__(self) -> None:
        if self.max_epochs < 1 or self.batch_size < 1:
            raise ValueError("max_epochs and batch_size must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError("learning_rate must be positive")
        if self.patience is not None and self.patience < 1:
            raise ValueError("patience must be at least 1 epoch, or None")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError("clip_norm must be positive, or None")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}")
