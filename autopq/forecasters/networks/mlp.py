"""A multi-layer perceptron whose layers a training method may treat as blocks."""

from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from autopq.forecasters.networks.dropout import Dropout
from training_methods import BlockSpec


class MLP(nn.Module):
    """[n, inputs] -> [n, *outputs] through `layers` blocks of linear map, SiLU and dropout."""

    def __init__(
        self,
        inputs: int,
        outputs: int | tuple[int, ...],
        *,
        hidden: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        widths = [inputs] + [hidden] * layers
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b), nn.SiLU(), Dropout(dropout)) for a, b in pairwise(widths)
        )
        self.head: nn.Module
        if isinstance(outputs, int):
            self.head = nn.Linear(widths[-1], outputs)
        else:
            flat = nn.Linear(widths[-1], prod(outputs))
            self.head = nn.Sequential(flat, nn.Unflatten(1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        output: Tensor = self.head(x)
        return output

    def block_spec(self) -> BlockSpec:
        return BlockSpec((*(f"blocks.{i}" for i in range(len(self.blocks))), "head"))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights from `generator`, uniformly within ±1/√inputs of each layer; the head
        starts at zero, so that an untrained network answers with the level it is relative to."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                bound = module.in_features**-0.5
                for parameter in module.parameters():
                    parameter.uniform_(-bound, bound, generator=generator)
        for parameter in self.head.parameters():
            parameter.zero_()
