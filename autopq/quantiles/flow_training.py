"""Training a flow through the common trainer, and a trained flow as data."""

import time
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor

from autopq.context import FitContext
from autopq.forecasters.base import State
from autopq.quantiles.flow import ConditionalFlow, FlowSettings
from autopq.training import METHOD_PARAMS, TrainingCounts, train_network
from training_methods import TensorData, TrainerConfig, create_loss


@dataclass(frozen=True)
class TrainingSettings:
    """How a flow is trained; see `TrainerConfig` for the terms. `method` are the parameters that
    `train_network` asks for."""

    method: dict[str, Any]
    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int
    clip_norm: float = 1.0

    @classmethod
    def of(cls, params: dict[str, Any]) -> Self:
        """From a quantile model's parameters."""
        return cls(
            method={name: params[name] for name in METHOD_PARAMS},
            max_epochs=params["max_epochs"],
            batch_size=params["batch_size"],
            learning_rate=params["learning_rate"],
            weight_decay=params["weight_decay"],
            patience=params["patience"],
        )


@dataclass(frozen=True)
class FlowFit:
    """A trained flow in eval mode. Losses are nats per dimension without ½ log 2π; `windows`
    counts those trained on."""

    flow: ConditionalFlow
    best_epoch: int
    epochs: int
    windows: int
    train_loss: float
    validation_loss: float | None
    seconds: float
    training: TrainingCounts

    def describe(self) -> dict[str, Any]:
        return {
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "windows": self.windows,
            "train_nll": self.train_loss,
            "validation_nll": self.validation_loss,
            "seconds": self.seconds,
            "parameters": sum(p.numel() for p in self.flow.parameters()),
        }

    def to_state(self) -> State:
        arrays = {name: value.cpu().numpy() for name, value in self.flow.state_dict().items()}
        meta = {name: value for name, value in vars(self).items() if name != "flow"}
        meta |= {"settings": asdict(self.flow.settings), "training": asdict(self.training)}
        return State(arrays, meta)

    @classmethod
    def from_state(cls, state: State) -> Self:
        meta = dict(state.meta)
        flow = ConditionalFlow(FlowSettings(**meta.pop("settings")), torch.Generator())
        flow.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in state.arrays.items()})
        training = TrainingCounts(**meta.pop("training"))
        return cls(flow=flow.eval(), training=training, **meta)


def train_flow(
    settings: FlowSettings,
    training: TrainingSettings,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor] | None,
    context: FitContext,
    label: str,
) -> FlowFit:
    """Maximum likelihood on (x [n, D], condition [n, C]).

    With validation data the weights of the best epoch are kept; without, exactly
    `training.max_epochs` are trained. Raises Stopped when the observer asks to stop.
    """
    generator = context.torch_generator(label)
    flow = ConditionalFlow(settings, generator)
    config = TrainerConfig(
        max_epochs=training.max_epochs,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        schedule="cosine",
        patience=training.patience if validation is not None else None,
        clip_norm=training.clip_norm,
        device=context.device,
    )
    began = time.perf_counter()
    report = train_network(
        flow,
        create_loss("flow_nll"),
        train=TensorData(train),
        validation=TensorData(validation) if validation is not None else None,
        config=config,
        params=training.method,
        generator=generator,
        context=context,
    )
    model = report.model
    assert isinstance(model, ConditionalFlow)
    return FlowFit(
        flow=model,
        best_epoch=report.best_epoch,
        epochs=report.epochs,
        windows=len(train[0]),
        train_loss=report.train_losses[report.best_epoch - 1],
        validation_loss=min(report.validation_losses, default=None),
        seconds=time.perf_counter() - began,
        training=TrainingCounts.of(report, training.method),
    )
