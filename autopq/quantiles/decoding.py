"""The inverse of a flow for many samples of few conditions, three times as fast as the module.

Dimensions come first in memory, so halves, permutations and products touch contiguous rows, and
everything happens in place; that rules out autograd, which sampling has no use for.
"""

import torch
from torch import Tensor
from torch.nn import functional

from autopq.quantiles.flow import ATAN_SCALE, ConditionalFlow, CouplingBlock, Subnet


@torch.inference_mode()
def decode_samples(flow: ConditionalFlow, latents: Tensor, embedding: Tensor | None) -> Tensor:
    """[m, S, D] windows of latents [m, S, D], given the embedded conditions [m, E]; the same as
    `flow.decode`."""
    windows, samples, size = latents.shape
    values = latents.reshape(-1, size).T.contiguous()
    for block in reversed(flow.blocks):
        assert isinstance(block, CouplingBlock)
        values = values.index_select(0, block.inverse_permutation)
        first, second = values[: block.middle], values[block.middle :]
        _undo(second, _network_output(block.second, first, embedding, samples), block.clamp)
        if block.first is not None:
            _undo(first, _network_output(block.first, second, embedding, samples), block.clamp)
    return values.T.reshape(windows, samples, size)


def _network_output(
    subnet: Subnet, given: Tensor, embedding: Tensor | None, samples: int
) -> Tensor:
    """[2k, mS] raw log-scale over shift, for the other half [d, mS]."""
    if subnet.from_half is not None:
        bias = subnet.from_half.bias[:, None]
        hidden = torch.addmm(bias, subnet.from_half.weight, given)
    else:
        hidden = given.new_zeros(subnet.to_output.in_features, given.shape[1])
    if subnet.from_embedding is not None and embedding is not None:
        layer = subnet.from_embedding
        shared = functional.linear(embedding, layer.weight, layer.bias).T
        hidden.view(len(hidden), -1, samples).add_(shared[:, :, None])
    bias = subnet.to_output.bias[:, None]
    return torch.addmm(bias, subnet.to_output.weight, hidden.tanh_())


def _undo(half: Tensor, output: Tensor, clamp: float) -> None:
    raw, shift = output.chunk(2)
    half.sub_(shift).mul_(raw.atan_().mul_(-clamp * ATAN_SCALE).exp_())
