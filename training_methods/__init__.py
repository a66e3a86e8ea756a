"""Interchangeable ways to train a network: one trainer, one loss interface, many methods.

Depends on torch alone. `Trainer` owns the loop, the optimiser, the schedule, early stopping and
checkpoints; a `TrainingMethod` owns how gradients come about and how the model's structure changes.
"""

from training_methods.base import (
    Batch,
    Capabilities,
    Finding,
    MethodContext,
    MethodRefused,
    MethodReport,
    Replacement,
    StepResult,
    StructureChange,
    TensorData,
    TrainingMethod,
)
from training_methods.blocks import BlockSpec, blocks_of
from training_methods.communicator import Communicator, LocalCommunicator
from training_methods.losses import LOSSES, Loss, create_loss
from training_methods.outcomes import EpochReport, FitReport, TrainingDiverged, TrainingStopped
from training_methods.registry import METHODS, create_method
from training_methods.settings import TrainerConfig
from training_methods.trainer import Trainer

__all__ = [
    "LOSSES",
    "METHODS",
    "Batch",
    "BlockSpec",
    "Capabilities",
    "Communicator",
    "EpochReport",
    "Finding",
    "FitReport",
    "LocalCommunicator",
    "Loss",
    "MethodContext",
    "MethodRefused",
    "MethodReport",
    "Replacement",
    "StepResult",
    "StructureChange",
    "TensorData",
    "Trainer",
    "TrainerConfig",
    "TrainingDiverged",
    "TrainingMethod",
    "TrainingStopped",
    "blocks_of",
    "create_loss",
    "create_method",
]
