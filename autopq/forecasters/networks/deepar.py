"""A network after DeepAR (Salinas et al. 2020): a recurrent layer that is told the value before
each step and gives the normal distribution of the step's own."""

import torch
from torch import Tensor, nn

from autopq.forecasters.networks.initialisation import draw_weights
from training_methods import BlockSpec
from training_methods.losses import GaussianNegativeLogLikelihood


class Recurrence(nn.Module):
    """[n, T, inputs] -> [n, H, hidden], the states of the last `horizon` steps."""

    def __init__(self, inputs: int, horizon: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.horizon = horizon
        self.lstm = nn.LSTM(inputs, hidden, layers, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        states: Tensor = self.lstm(x)[0]
        return states[:, -self.horizon :]


class DeepAR(nn.Module):
    """(values [n, L], known [n, L + H, K], before [n, H]) -> [n, H, 2], mean and raw spread.

    `known` are the covariates of past and future steps. `before` is the value before each step
    ahead, the truth in training (teacher forcing); to forecast, `draw` feeds back its own.
    """

    def __init__(self, horizon: int, known: int, *, hidden: int = 40, layers: int = 2) -> None:
        super().__init__()
        self.horizon = horizon
        self.recur = Recurrence(1 + known, horizon, hidden, layers)
        self.head = nn.Linear(hidden, 2)

    def forward(self, values: Tensor, known: Tensor, before: Tensor) -> Tensor:
        # The first past value has nothing before it: it is an input alone.
        lagged = torch.cat([values[:, :-1], before], dim=1).unsqueeze(-1)
        output: Tensor = self.head(self.recur(torch.cat([lagged, known[:, 1:]], dim=-1)))
        return output

    @torch.no_grad()
    def draw(
        self, values: Tensor, known: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """[n, H] one path a row, each step drawn given the one before; without a generator every
        step is its mean."""
        lagged = values[:, :-1].unsqueeze(-1)
        past, ahead = known[:, 1 : values.shape[1]], known[:, values.shape[1] :]
        state = self.recur.lstm(torch.cat([lagged, past], dim=-1))[1]
        last, path = values[:, -1:], []
        for step in range(self.horizon):
            x = torch.cat([last, ahead[:, step]], dim=-1).unsqueeze(1)
            hidden, state = self.recur.lstm(x, state)
            mean, spread = GaussianNegativeLogLikelihood.parameters(self.head(hidden))
            last = mean
            if generator is not None:
                noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
                last = mean + spread * noise
            path.append(last)
        return torch.cat(path, dim=1)

    def block_spec(self) -> BlockSpec:
        return BlockSpec(("recur", "head"))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights from `generator`."""
        draw_weights(self, generator)
