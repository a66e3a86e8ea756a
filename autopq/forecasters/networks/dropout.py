"""Dropout for small networks on a CPU."""

import torch
from torch import Tensor, nn

_BYTE = 256


class Dropout(nn.Module):
    """As `torch.nn.Dropout`, with the probability rounded to a multiple of 1/256.

    torch draws one random number an element, which is a third of a training step of a small
    network; a byte an element is enough to decide, and comes at an eighth of the price.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability < 1:
            raise ValueError("a dropout probability lies in [0, 1)")
        self.dropped = round(probability * _BYTE)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.dropped:
            return x
        count = x.numel()
        words = torch.randint(
            torch.iinfo(torch.int64).min,
            torch.iinfo(torch.int64).max,
            (-(-count // 8),),
            device=x.device,
        )
        kept = words.view(torch.uint8)[:count].view(x.shape) >= self.dropped
        return x * kept * (_BYTE / (_BYTE - self.dropped))

    def extra_repr(self) -> str:
        return f"p={self.dropped / _BYTE:g}"
