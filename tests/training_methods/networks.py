"""Small networks and data shared by the tests of the methods."""

from typing import Any

import torch
from torch import Tensor, nn

from training_methods import (
    BlockSpec,
    LocalCommunicator,
    Loss,
    MethodContext,
    TensorData,
    TrainingMethod,
    create_method,
)


def chain(seed: int = 0, outputs: int = 3, hidden: int = 2) -> nn.Sequential:
    """Tanh network 5 → 8 (→ 8 …) → outputs."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        width = 5
        for _ in range(hidden):
            layers += [nn.Linear(width, 8), nn.Tanh()]
            width = 8
        return nn.Sequential(*layers, nn.Linear(width, outputs))


def regression(samples: int = 64, outputs: int = 3, seed: int = 0) -> TensorData:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 5, generator=generator)
    mixing = torch.randn(5, outputs, generator=generator)
    return TensorData((x,), (x @ mixing).sin())


class AdditiveBlock(nn.Module):
    """(backcast, forecast) of one N-BEATS-like block."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(5, 8), nn.ReLU())
        self.backcast = nn.Linear(8, 5)
        self.forecast = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.trunk(x)
        return self.backcast(hidden), self.forecast(hidden)


class AdditiveNetwork(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.stack = nn.ModuleList(AdditiveBlock() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        total = x.new_zeros(x.shape[0], 3)
        for block in self.stack:
            backcast, forecast = block(x)
            x = x - backcast
            total = total + forecast
        return total

    def block_spec(self) -> BlockSpec:
        return BlockSpec(tuple(f"stack.{i}" for i in range(3)), kind="additive")


class AffineBlock(nn.Module):
    """Coupling of two dimensions: the first is shifted and scaled by the second; then swapped."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))

    def forward(self, u: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        first, second = u[:, :1], u[:, 1:]
        shift, scale = self.net(torch.cat([second, condition], 1)).chunk(2, 1)
        scale = torch.tanh(scale)
        return torch.cat([second, first * scale.exp() + shift], 1), scale.squeeze(1)


class SmallFlow(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.condition = nn.Linear(1, 1)
            self.blocks = nn.ModuleList(AffineBlock() for _ in range(4))

    def forward(self, u: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        embedded = torch.tanh(self.condition(condition))
        log_det = u.new_zeros(u.shape[0])
        for block in self.blocks:
            u, change = block(u, embedded)
            log_det = log_det + change
        return u, log_det

    def block_spec(self) -> BlockSpec:
        return BlockSpec(tuple(f"blocks.{i}" for i in range(4)), kind="flow")


def banana(samples: int = 256, seed: int = 0) -> TensorData:
    """A curved density of two dimensions whose shift depends on the condition."""
    generator = torch.Generator().manual_seed(seed)
    condition = torch.randn(samples, 1, generator=generator)
    first = torch.randn(samples, 1, generator=generator)
    second = 0.3 * torch.randn(samples, 1, generator=generator) + first.square() + condition
    return TensorData((torch.cat([first, second], 1), condition))


def context(data: TensorData, seed: int = 0) -> MethodContext:
    return MethodContext(
        data=data,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(seed),
        communicator=LocalCommunicator(),
        max_epochs=1,
        steps_per_epoch=1,
    )


def prepared(
    name: str, model: nn.Module, loss: Loss, data: TensorData, **options: Any
) -> TrainingMethod:
    """A method ready to compute gradients of `model` in training mode."""
    method = create_method(name, **options)
    refusals = [f for f in method.check(model, loss, context(data)) if f.severity == "error"]
    assert not refusals, refusals
    method.prepare(model, loss, context(data))
    model.train()
    return method


def gradients(
    method: TrainingMethod, data: TensorData, index: Tensor | None = None, step: int = 0
) -> dict[str, Tensor]:
    """Gradients by parameter name of one batch (all samples unless `index` is given)."""
    method.model.zero_grad(set_to_none=True)
    method.compute_gradients(data.gather(torch.arange(len(data)) if index is None else index), step)
    return {
        name: p.grad.clone() for name, p in method.model.named_parameters() if p.grad is not None
    }


def exact_gradients(model: nn.Module, loss: Loss, data: TensorData) -> dict[str, Tensor]:
    names = [name for name, _ in model.named_parameters()]
    value = loss(model(*data.x), data.y)
    found = torch.autograd.grad(value, list(model.parameters()))
    return dict(zip(names, found, strict=True))
