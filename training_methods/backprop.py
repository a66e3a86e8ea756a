"""Backpropagation: the control every other method is compared with."""

from typing import ClassVar

import torch

from training_methods.base import Batch, StepResult, TrainingMethod


class Backprop(TrainingMethod):
    """Exact gradients by reverse-mode differentiation; data-parallel over several ranks."""

    name: ClassVar[str] = "backprop"

    def compute_gradients(self, batch: Batch, step: int) -> StepResult:
        loss = self.loss(self.model(*batch.x), batch.y)
        torch.autograd.backward(loss)
        return StepResult(loss.detach())
