"""Losses, each with what a method needs beyond the scalar: a value per sample and a residual.

`n` is the number of samples, `...` any further dimensions (horizon, targets).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Output = Any  # what a model returns: a tensor, or for flows the pair (z, log_det)


class Loss(ABC):
    """`loss(output, target)` is the mean over samples of `per_sample`, a scalar tensor.

    Losses against a target also say which residual drives feedback signals; likelihood losses
    have no target (None) and no residual (`has_residual` is False).
    """

    name: str
    has_residual: bool = True

    def __call__(self, output: Output, target: Tensor | None) -> Tensor:
        return self.per_sample(output, target).mean()

    @abstractmethod
    def per_sample(self, output: Output, target: Tensor | None) -> Tensor:
        """[n] loss of every sample."""

    def aligned(self, output: Tensor, target: Tensor) -> Tensor:
        """The target in the shape of the output; raises ValueError when they do not fit."""
        if output.shape != target.shape:
            raise ValueError(
                f"loss {self.name!r}: output {tuple(output.shape)} and target "
                f"{tuple(target.shape)} must have the same shape"
            )
        return target


def required(loss: Loss, target: Tensor | None) -> Tensor:
    if target is None:
        raise ValueError(f"loss {loss.name!r} needs a target; the data have y=None")
    return target


class MeanSquaredError(Loss):
    """Mean of squared errors over [n, ...]; output and target of the same shape."""

    name = "mse"

    def __call__(self, output: Output, target: Tensor | None) -> Tensor:
        return functional.mse_loss(output, self.aligned(output, required(self, target)))

    def per_sample(self, output: Output, target: Tensor | None) -> Tensor:
        error: Tensor = output - self.aligned(output, required(self, target))
        return error.square().flatten(1).mean(1)


class MeanAbsoluteError(Loss):
    """Mean of absolute errors over [n, ...]; output and target of the same shape."""

    name = "mae"

    def __call__(self, output: Output, target: Tensor | None) -> Tensor:
        return functional.l1_loss(output, self.aligned(output, required(self, target)))

    def per_sample(self, output: Output, target: Tensor | None) -> Tensor:
        error: Tensor = output - self.aligned(output, required(self, target))
        return error.abs().flatten(1).mean(1)


class PinballLoss(Loss):
    """Mean pinball loss of quantiles: output [n, ..., Q], target [n, ...].

    With τ the level and u = y − q the loss is max(τu, (τ−1)u); no factor 2.
    """

    name = "pinball"

    def __init__(self, levels: Sequence[float]) -> None:
        if not levels or any(not 0 < level < 1 for level in levels):
            raise ValueError("pinball: levels must be a non-empty list of numbers in (0, 1)")
        self.levels = tuple(float(level) for level in levels)
        self._on: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def aligned(self, output: Tensor, target: Tensor) -> Tensor:
        if output.shape != (*target.shape, len(self.levels)):
            raise ValueError(
                f"loss 'pinball': output {tuple(output.shape)} must be the target's shape "
                f"{tuple(target.shape)} followed by {len(self.levels)} levels"
            )
        return target.unsqueeze(-1).expand_as(output)

    def per_sample(self, output: Output, target: Tensor | None) -> Tensor:
        return self._elements(output, target).flatten(1).mean(1)

    def __call__(self, output: Output, target: Tensor | None) -> Tensor:
        return self._elements(output, target).mean()

    @property
    def median(self) -> int:
        """Position of the level nearest to 0.5."""
        return min(range(len(self.levels)), key=lambda i: abs(self.levels[i] - 0.5))

    def _elements(self, output: Tensor, target: Tensor | None) -> Tensor:
        error = self.aligned(output, required(self, target)) - output
        key = (output.device, output.dtype)
        if key not in self._on:
            self._on[key] = torch.tensor(self.levels, device=output.device, dtype=output.dtype)
        levels = self._on[key]
        return torch.maximum(levels * error, (levels - 1) * error)


class CrossEntropy(Loss):
    """Cross-entropy in nats of logits [n, C] against class indices [n] (int64)."""

    name = "cross_entropy"

    def __call__(self, output: Output, target: Tensor | None) -> Tensor:
        return functional.cross_entropy(output, required(self, target))

    def per_sample(self, output: Output, target: Tensor | None) -> Tensor:
        return functional.cross_entropy(output, required(self, target), reduction="none")

    def aligned(self, output: Tensor, target: Tensor) -> Tensor:
        return functional.one_hot(target, output.shape[-1]).to(output.dtype)


class FlowNegativeLogLikelihood(Loss):
    """½‖z‖² − log|det J| of a normalising flow, per dimension of z and without the constant.

    The model returns (z [n, D], log_det [n]); there is no target. Add ½ log 2π for nats per
    dimension.
    """

    name = "flow_nll"
    has_residual = False

    def per_sample(self, output: Output, target: Tensor | None) -> Tensor:
        z, log_det = output
        dimensions = z.shape[1:].numel()
        return (z.square().flatten(1).sum(1) / 2 - log_det) / dimensions  # type: ignore[no-any-return]


class GaussianNegativeLogLikelihood(Loss):
    """Negative log-likelihood of normal distributions, in nats per value and without the constant.

    The output [n, ..., 2] holds their means and, through a softplus, their standard deviations;
    the target is [n, ...]. Add ½ log 2π for the whole likelihood.
    """

    name = "gaussian_nll"
    has_residual = False
    _LEAST_SPREAD = 1e-3

    @classmethod
    def parameters(cls, output: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations, [n, ...] each."""
        mean, raw = output.unbind(-1)
        return mean, functional.softplus(raw) + cls._LEAST_SPREAD

    def aligned(self, output: Tensor, target: Tensor) -> Tensor:
        if output.shape != (*target.shape, 2):
            raise ValueError(
                f"loss {self.name!r}: output {tuple(output.shape)} must be the target's shape "
                f"{tuple(target.shape)} followed by mean and spread"
            )
        return target

    def per_sample(self, output: Output, target: Tensor | None) -> Tensor:
        y = self.aligned(output, required(self, target))
        mean, spread = self.parameters(output)
        return (((y - mean) / spread).square() / 2 + spread.log()).flatten(1).mean(1)


LOSSES: dict[str, Callable[..., Loss]] = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "pinball": PinballLoss,
    "cross_entropy": CrossEntropy,
    "flow_nll": FlowNegativeLogLikelihood,
    "gaussian_nll": GaussianNegativeLogLikelihood,
}


def create_loss(name: str, **options: Any) -> Loss:
    """A loss by name, e.g. `create_loss("pinball", levels=(0.1, 0.5, 0.9))`."""
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}; known: {', '.join(LOSSES)}")
    return LOSSES[name](**options)
