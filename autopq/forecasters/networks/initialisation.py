"""Initial weights drawn from a given generator."""

import torch
from torch import nn


@torch.no_grad()
def draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Matrices uniformly within ±1/√inputs, biases zero; scales of normalisation layers stay."""
    norms = [module for module in network.modules() if isinstance(module, nn.LayerNorm)]
    untouched = {id(parameter) for norm in norms for parameter in norm.parameters()}
    for parameter in network.parameters():
        if id(parameter) in untouched:
            continue
        if parameter.ndim < 2:
            parameter.zero_()
            continue
        bound = float(parameter.shape[1:].numel()) ** -0.5
        parameter.uniform_(-bound, bound, generator=generator)
