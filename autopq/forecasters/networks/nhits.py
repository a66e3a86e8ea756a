"""A network after N-HiTS (Challu et al. 2023): blocks that look at, and forecast at, several
resolutions, each explaining what the blocks before it left over."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from autopq.forecasters.networks.initialisation import draw_weights
from training_methods import BlockSpec


class NHiTSBlock(nn.Module):
    """(history [n, L], covariates [n, C]) -> (backcast [n, L], forecast [n, H]).

    The history is max-pooled over `pooling` steps, and both outputs are interpolated from one
    knot every `stride` steps, so that a block with a wide stride can draw slow curves alone.
    """

    def __init__(
        self,
        history: int,
        horizon: int,
        covariates: int,
        *,
        pooling: int,
        stride: int,
        hidden: int,
        layers: int,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.padding = -history % pooling
        pooled = (history + self.padding) // pooling
        widths = [pooled + covariates] + [hidden] * layers
        self.trunk = nn.Sequential(
            *(nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths))
        )
        self.backcast_knots = nn.Linear(widths[-1], _knots(history, stride))
        self.forecast_knots = nn.Linear(widths[-1], _knots(horizon, stride))
        self.register_buffer("backcast_curves", _interpolation(history, stride), persistent=False)
        self.register_buffer("forecast_curves", _interpolation(horizon, stride), persistent=False)

    def forward(self, history: Tensor, covariates: Tensor) -> tuple[Tensor, Tensor]:
        # The oldest value is repeated until whole pools are there.
        filled = torch.cat([history[:, :1].expand(-1, self.padding), history], dim=1)
        pooled = filled.view(len(filled), -1, self.pooling).amax(-1)
        hidden = self.trunk(torch.cat([pooled, covariates], dim=1))
        backcast = self.backcast_knots(hidden) @ self.backcast_curves
        return backcast, self.forecast_knots(hidden) @ self.forecast_curves


class NHiTS(nn.Module):
    """(history [n, L], covariates [n, C]) -> forecast [n, H], one block a resolution.

    `poolings` and `strides` are steps, coarsest block first; the sums of the blocks' forecasts
    are the output.
    """

    def __init__(
        self,
        history: int,
        horizon: int,
        covariates: int = 0,
        *,
        poolings: Sequence[int] = (8, 4, 1),
        strides: Sequence[int] = (12, 4, 1),
        hidden: int = 64,
        layers: int = 2,
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.blocks = nn.ModuleList(
            NHiTSBlock(
                history,
                horizon,
                covariates,
                pooling=min(pooling, history),
                stride=stride,
                hidden=hidden,
                layers=layers,
            )
            for pooling, stride in zip(poolings, strides, strict=True)
        )

    def forward(self, history: Tensor, covariates: Tensor) -> Tensor:
        forecast = history.new_zeros(history.shape[0], self.horizon)
        for block in self.blocks:
            backcast, part = block(history, covariates)
            history = history - backcast
            forecast = forecast + part
        return forecast

    def block_spec(self) -> BlockSpec:
        return BlockSpec(tuple(f"blocks.{i}" for i in range(len(self.blocks))), kind="additive")

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights from `generator`."""
        draw_weights(self, generator)


def _knots(steps: int, stride: int) -> int:
    return max(1, -(-steps // stride))


def _interpolation(steps: int, stride: int) -> Tensor:
    """[K, steps] matrix that turns values at K evenly spaced knots into a piecewise linear curve
    through them, with the first and the last knot at the ends."""
    knots = _knots(steps, stride)
    if knots == 1:
        return torch.ones(1, steps)
    position = torch.linspace(0, knots - 1, steps)
    distance = (position - torch.arange(knots).unsqueeze(1)).abs()
    return (1 - distance).clamp(min=0)
