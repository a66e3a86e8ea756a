"""Optimisers, learning-rate schedules, and the exchange of parameters inside an optimiser."""

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from training_methods.base import Replacement

OptimizerName = Literal["adam", "adamw", "sgd"]
ScheduleName = Literal["constant", "cosine", "halve"]
OPTIMIZERS: tuple[str, ...] = get_args(OptimizerName)
SCHEDULES: tuple[str, ...] = get_args(ScheduleName)
_SQUARES = {"exp_avg_sq", "max_exp_avg_sq"}


def create_optimizer(
    name: OptimizerName,
    groups: list[dict[str, Any]],
    *,
    learning_rate: float,
    weight_decay: float,
    momentum: float,
) -> Optimizer:
    """Fused kernels throughout: on small networks the Python of an unfused step costs more than
    the mathematics. Each group keeps its own `base_lr`."""
    optimizer: Optimizer
    if name == "sgd":
        optimizer = SGD(
            groups, lr=learning_rate, momentum=momentum, weight_decay=weight_decay, fused=True
        )
    else:
        kind = Adam if name == "adam" else AdamW
        optimizer = kind(groups, lr=learning_rate, weight_decay=weight_decay, fused=True)
    for group in optimizer.param_groups:
        group["base_lr"] = group["lr"]
    return optimizer


def schedule_factor(name: ScheduleName, step: int, total_steps: int) -> float:
    """Factor on the learning rate at `step` (from 0) of `total_steps`.

    `cosine` falls from 1 towards 0; `halve` halves after each quarter of the run.
    """
    if name == "constant":
        return 1.0
    if name == "cosine":
        return 0.5 * (1 + math.cos(math.pi * step / total_steps))
    return 0.5 ** min(3, 4 * step // total_steps)


def set_learning_rate(optimizer: Optimizer, factor: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor


def swap_parameters(optimizer: Optimizer, replaced: tuple[Replacement, ...]) -> None:
    """Put each new parameter in the old one's place, its optimiser state with it."""
    by_identity = {id(change.old): change for change in replaced}
    for group in optimizer.param_groups:
        for position, parameter in enumerate(group["params"]):
            change = by_identity.pop(id(parameter), None)
            if change is None:
                continue
            group["params"][position] = change.new
            state = optimizer.state.pop(change.old, None)
            if state and change.map_state is not None:
                optimizer.state[change.new] = {
                    key: _mapped(key, value, change) for key, value in state.items()
                }
            change.old.grad = None
    if by_identity:
        raise ValueError("a replaced parameter was not held by the optimiser")


def _mapped(key: str, value: object, change: Replacement) -> object:
    if not isinstance(value, Tensor) or value.shape != change.old.shape or value.ndim == 0:
        return value
    mapping = change.map_square if key in _SQUARES else change.map_state
    if mapping is None:
        return torch.zeros_like(change.new)
    mapped = mapping(value).detach().clone().contiguous()
    if mapped.shape != change.new.shape:
        raise ValueError(
            f"optimiser state of shape {tuple(mapped.shape)} for a parameter of shape "
            f"{tuple(change.new.shape)}"
        )
    return mapped


def assert_holds_exactly_trainable(optimizer: Optimizer, model: nn.Module) -> None:
    """The invariant after every structural change: nothing trainable is left out of the
    optimiser, and nothing else is in it. Raises RuntimeError with the names."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    trainable = {id(p): name for name, p in model.named_parameters() if p.requires_grad}
    missing = [name for key, name in trainable.items() if key not in held]
    if missing or len(held) != len(trainable):
        raise RuntimeError(
            f"the optimiser lacks {missing} and holds "
            f"{len(held - trainable.keys())} parameters that are not trainable"
        )


def optimizer_state(optimizer: Optimizer, model: nn.Module) -> dict[str, dict[str, Any]]:
    """Optimiser state by parameter name, which survives a rebuilt model; tensors are copies."""
    return {
        name: {
            key: value.clone() if isinstance(value, Tensor) else value
            for key, value in optimizer.state[parameter].items()
        }
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
    }


def load_optimizer_state(
    optimizer: Optimizer, model: nn.Module, state: dict[str, dict[str, Any]]
) -> None:
    for name, parameter in model.named_parameters():
        if name in state:
            optimizer.state[parameter] = {
                key: value.clone().to(parameter.device) if isinstance(value, Tensor) else value
                for key, value in state[name].items()
            }
