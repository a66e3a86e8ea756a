"""The network behind `mlp_quantile`."""

from itertools import pairwise

import torch
from torch import nn


def quantile_mlp(
    inputs: int,
    outputs: int,
    *,
    hidden: int,
    layers: int,
    dropout: float,
    generator: torch.Generator,
) -> nn.Sequential:
    """[n, inputs] -> [n, outputs]: `layers` hidden layers with SiLU and dropout, and a linear
    one. A plain sequence, so that every training method can cut it into blocks."""
    widths = [inputs, *[hidden] * layers]
    modules: list[nn.Module] = []
    for before, after in pairwise(widths):
        modules += [nn.Linear(before, after), nn.SiLU(), nn.Dropout(dropout)]
    network = nn.Sequential(*modules, nn.Linear(widths[-1], outputs))
    for module in network.modules():
        if isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            nn.init.uniform_(module.bias, -bound, bound, generator=generator)
    return network
