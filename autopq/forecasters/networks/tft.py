"""A network after the temporal fusion transformer (Lim et al. 2021): variable selection, a
recurrent layer, attention over time, and gated residual connections in between.

It is cut into a chain: every residual connection lies inside one block, so that a training method
may take a block for a black box. Attention is torch's own, with values of its own for each head.
"""

import torch
from torch import Tensor, nn

from autopq.forecasters.networks.dropout import Dropout
from autopq.forecasters.networks.initialisation import draw_weights
from training_methods import BlockSpec


def gated(x: Tensor) -> Tensor:
    """Gated linear unit: the first half, as far as the second lets it through. Other than torch's
    own it has a forward derivative for many tangents at once."""
    value, gate = x.chunk(2, dim=-1)
    return value * gate.sigmoid()


class GatedResidual(nn.Module):
    """[..., inputs] -> [..., width]: LayerNorm(x + gated linear unit of a small network)."""

    def __init__(self, inputs: int, hidden: int, width: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ELU(), nn.Linear(hidden, hidden), Dropout(dropout)
        )
        self.gate = nn.Linear(hidden, 2 * width)
        self.skip = nn.Identity() if inputs == width else nn.Linear(inputs, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.norm(self.skip(x) + gated(self.gate(self.inner(x))))
        return output


class VariableSelection(nn.Module):
    """[n, T, V] -> [n, T, width]: every variable's embedding, weighted for each step anew."""

    def __init__(self, variables: int, width: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(variables, width))
        self.offset = nn.Parameter(torch.zeros(variables, width))
        self.weights = GatedResidual(variables, width, variables, dropout)
        self.output = GatedResidual(width, width, width, dropout)

    def forward(self, x: Tensor) -> Tensor:
        embedded = x.unsqueeze(-1) * self.embedding + self.offset
        weights = self.weights(x).softmax(-1)
        output: Tensor = self.output((weights.unsqueeze(-1) * embedded).sum(-2))
        return output


class Selection(nn.Module):
    """(past [n, L, P], future [n, H, K]) -> [n, L + H, width], one step behind the other."""

    def __init__(self, past: int, future: int, width: int, dropout: float) -> None:
        super().__init__()
        self.past = VariableSelection(past, width, dropout)
        self.future = VariableSelection(future, width, dropout)

    def forward(self, past: Tensor, future: Tensor) -> Tensor:
        return torch.cat([self.past(past), self.future(future)], dim=1)


class Recurrence(nn.Module):
    """[n, L + H, width] -> the same: an LSTM over the past, another one from there on."""

    def __init__(self, history: int, width: int) -> None:
        super().__init__()
        self.history = history
        self.encoder = nn.LSTM(width, width, batch_first=True)
        self.decoder = nn.LSTM(width, width, batch_first=True)
        self.gate = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        past, state = self.encoder(x[:, : self.history])
        future, _ = self.decoder(x[:, self.history :], state)
        found = torch.cat([past, future], dim=1)
        output: Tensor = self.norm(x + gated(self.gate(found)))
        return output


class Attention(nn.Module):
    """[n, L + H, width] -> [n, H, width]: every step ahead looks at all steps up to itself."""

    mask: Tensor

    def __init__(self, history: int, horizon: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.history = history
        self.enrich = GatedResidual(width, width, width, dropout)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.gate = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width)
        future = torch.ones(horizon, history + horizon, dtype=torch.bool).triu(history + 1)
        self.register_buffer("mask", future, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        enriched = self.enrich(x)
        ahead = enriched[:, self.history :]
        found, _ = self.attention(
            ahead, enriched, enriched, attn_mask=self.mask, need_weights=False
        )
        output: Tensor = self.norm(ahead + gated(self.gate(found)))
        return output


class TFT(nn.Module):
    """(past [n, L, P], future [n, H, K]) -> [n, H] or, with several `outputs`, [n, H, outputs].

    `past` holds the P variables known so far, the target among them, `future` the K known ahead.
    """

    def __init__(
        self,
        history: int,
        horizon: int,
        past: int,
        future: int,
        *,
        outputs: int = 1,
        width: int = 32,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.outputs = outputs
        self.select = Selection(past, future, width, dropout)
        self.recur = Recurrence(history, width)
        self.attend = Attention(history, horizon, width, heads, dropout)
        self.feed_forward = GatedResidual(width, width, width, dropout)
        self.head = nn.Linear(width, outputs)

    def forward(self, past: Tensor, future: Tensor) -> Tensor:
        hidden = self.feed_forward(self.attend(self.recur(self.select(past, future))))
        output: Tensor = self.head(hidden)
        return output.squeeze(-1) if self.outputs == 1 else output

    def block_spec(self) -> BlockSpec:
        return BlockSpec(("select", "recur", "attend", "feed_forward", "head"))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights from `generator`."""
        draw_weights(self, generator)
