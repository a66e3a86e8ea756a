"""The conditional invertible network: windows to and from a standard normal latent space.

Affine coupling blocks in the manner of GLOW (Kingma and Dhariwal 2018), each followed by a fixed
permutation, with a shared conditioning network (Ardizzone et al. 2019); architecture and sizes
after Heidrich et al. (2023), who use it to turn point forecasts into probabilistic ones.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training_methods import BlockSpec

# s = clamp * 0.636 * atan(raw): 0.636 is about 2/π, so |s| stays just below the clamp.
ATAN_SCALE = 0.636
_INITIAL_STD = 0.01


@dataclass(frozen=True)
class FlowSettings:
    """Sizes of the network. `dimensions` D is the horizon; `condition_size` C may be 0.

    `clamp` bounds each block's log-scale; `dropout` acts inside the conditioning network;
    `condition_noise` is the standard deviation of noise on the condition while training.
    """

    dimensions: int
    condition_size: int
    blocks: int = 10
    hidden: int = 32
    condition_hidden: int = 8
    embedding: int = 4
    clamp: float = 0.5
    dropout: float = 0.0
    condition_noise: float = 0.0


class ConditionalFlow(nn.Module):
    """Bijection of x [..., D] given a condition [..., C], with an exact log-determinant.

    Leading dimensions of x and of the condition broadcast, so many samples share one condition
    without copies of it. Initial weights and permutations come from `generator` alone.
    """

    def __init__(self, settings: FlowSettings, generator: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        self.conditioning = ConditioningNetwork(settings, generator)
        self.blocks = nn.ModuleList(
            CouplingBlock(settings, generator) for _ in range(settings.blocks)
        )

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Latent z [..., D] and log|det dz/dx| [...]."""
        return self.encode(x, self.embed(condition))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """The x with `forward(x, condition)[0] == z`."""
        return self.decode(z, self.embed(condition))

    def embed(self, condition: Tensor | None) -> Tensor | None:
        """[..., E] what the blocks see of the condition; None for an unconditional flow."""
        if self.settings.condition_size == 0:
            return None
        if condition is None:
            raise ValueError(f"the flow needs a condition of {self.settings.condition_size} values")
        embedding: Tensor = self.conditioning(condition)
        return embedding

    def encode(self, x: Tensor, embedding: Tensor | None) -> tuple[Tensor, Tensor]:
        """`forward` with the condition already embedded."""
        log_det = x.new_zeros(())
        for block in self.blocks:
            x, contribution = block(x, embedding)
            log_det = log_det + contribution
        return x, log_det

    def decode(self, z: Tensor, embedding: Tensor | None) -> Tensor:
        """`inverse` with the condition already embedded."""
        for block in reversed(self.blocks):
            assert isinstance(block, CouplingBlock)
            z = block.inverse(z, embedding)
        return z

    def block_spec(self) -> BlockSpec:
        return BlockSpec(tuple(f"blocks.{i}" for i in range(len(self.blocks))), kind="flow")


class ConditioningNetwork(nn.Module):
    """Condition [..., C] to embedding [..., E], shared by all blocks."""

    def __init__(self, settings: FlowSettings, generator: torch.Generator) -> None:
        super().__init__()
        self.noise = settings.condition_noise
        self.layers = nn.Sequential()
        if settings.condition_size == 0:
            return
        self.layers = nn.Sequential(
            _linear(settings.condition_size, settings.condition_hidden),
            nn.Tanh(),
            nn.Dropout(settings.dropout),
            _linear(settings.condition_hidden, settings.embedding),
        )
        for parameter, inputs in zip(
            self.layers.parameters(),
            [settings.condition_size] * 2 + [settings.condition_hidden] * 2,
            strict=True,
        ):
            nn.init.uniform_(parameter, -(inputs**-0.5), inputs**-0.5, generator=generator)

    def forward(self, condition: Tensor) -> Tensor:
        if self.training and self.noise > 0:
            condition = condition + self.noise * torch.randn_like(condition)
        embedding: Tensor = self.layers(condition)
        return embedding


class CouplingBlock(nn.Module):
    """Both halves of x scaled and shifted, each by a function of the other, then permuted.

    A single dimension has no other half: it is scaled and shifted by the condition alone.
    """

    permutation: Tensor
    inverse_permutation: Tensor

    def __init__(self, settings: FlowSettings, generator: torch.Generator) -> None:
        super().__init__()
        size = settings.dimensions
        self.middle = size // 2
        self.clamp = settings.clamp
        embedding = settings.embedding if settings.condition_size else 0
        first, second = self.middle, size - self.middle
        self.first = Subnet(second, embedding, first, settings.hidden, generator) if first else None
        self.second = Subnet(first, embedding, second, settings.hidden, generator)
        permutation = torch.randperm(size, generator=generator)
        self.register_buffer("permutation", permutation)
        self.register_buffer("inverse_permutation", permutation.argsort())

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Permuted, transformed x [..., D] and the log-determinant [...]."""
        a, b = self._halves(x)
        log_det = x.new_zeros(())
        if self.first is not None:
            log_scale, shift = self._affine(self.first, b, embedding)
            a = a * log_scale.exp() + shift
            log_det = log_scale.sum(-1)
        log_scale, shift = self._affine(self.second, a, embedding)
        b = b * log_scale.exp() + shift
        log_det = log_det + log_scale.sum(-1)
        return torch.cat([a, b], dim=-1).index_select(-1, self.permutation), log_det

    def inverse(self, z: Tensor, embedding: Tensor | None = None) -> Tensor:
        a, b = self._halves(z.index_select(-1, self.inverse_permutation))
        log_scale, shift = self._affine(self.second, a, embedding)
        b = (b - shift) * (-log_scale).exp()
        if self.first is not None:
            log_scale, shift = self._affine(self.first, b, embedding)
            a = (a - shift) * (-log_scale).exp()
        return torch.cat([a, b], dim=-1)

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[..., : self.middle], x[..., self.middle :]

    def _affine(
        self, subnet: "Subnet", given: Tensor, embedding: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        raw, shift = subnet(given, embedding).chunk(2, dim=-1)
        return self.clamp * ATAN_SCALE * torch.atan(raw), shift


class Subnet(nn.Module):
    """One hidden layer from one half and the embedding to raw log-scale and shift of the other.

    The hidden layer's weights stand apart for the two inputs, so that an embedding shared by many
    samples is multiplied once. All weights start near zero: the flow starts near a permutation.
    """

    def __init__(
        self, given: int, embedding: int, changed: int, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.from_half = _linear(given, hidden) if given else None
        self.from_embedding = _linear(embedding, hidden, bias=not given) if embedding else None
        self.to_output = _linear(hidden, 2 * changed)
        for parameter in self.parameters():
            nn.init.normal_(parameter, 0.0, _INITIAL_STD, generator=generator)

    def forward(self, given: Tensor, embedding: Tensor | None) -> Tensor:
        terms = [] if self.from_half is None else [self.from_half(given)]
        if self.from_embedding is not None:
            terms.append(self.from_embedding(embedding))
        if not terms:
            # One dimension and no condition: the bias is all there is to learn.
            terms = [given.new_zeros((*given.shape[:-1], self.to_output.in_features))]
        hidden = terms[0] if len(terms) == 1 else terms[0] + terms[1]
        output: Tensor = self.to_output(hidden.tanh())
        return output


def _linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A layer without initial values: torch's own would come from the global random state."""
    return nn.Linear(inputs, outputs, bias=bias, device="meta").to_empty(device="cpu")
