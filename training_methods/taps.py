"""Taps on block outputs: the one place where methods reach into a model's forward pass."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training_methods.base import Batch
from training_methods.blocks import BlockSpec
from training_methods.losses import Loss


class BlockTaps:
    """Hooks on the outputs of some blocks, idle except inside `acting`."""

    def __init__(self, blocks: list[nn.Module]) -> None:
        self._action: Callable[[int, Any], Any] | None = None
        self._handles = [
            block.register_forward_hook(self._hook(position))
            for position, block in enumerate(blocks)
        ]

    @contextmanager
    def acting(self, action: Callable[[int, Any], Any]) -> Iterator[None]:
        """Within: the output of block i is replaced by `action(i, output)`."""
        self._action = action
        try:
            yield
        finally:
            self._action = None

    @contextmanager
    def cutting(self) -> Iterator[list[Tensor]]:
        """Within: every tapped output is kept in the list and passed on without its graph."""
        kept: list[Tensor] = []

        def cut(position: int, output: Any) -> Tensor:
            if not isinstance(output, Tensor):
                raise TypeError(f"block {position} must return a tensor to be cut behind")
            kept.append(output)
            return output.detach()

        with self.acting(cut):
            yield kept

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()

    def _hook(self, position: int) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> Any:
            return None if self._action is None else self._action(position, output)

        return hook


@dataclass(frozen=True)
class ChainTrace:
    """What a probe of a chain of blocks found.

    `parameters[i]`: names of the parameters that block i's own graph reaches when all blocks are
    cut apart. `shapes[i]`: block i's output without the sample dimension; the last one is the
    model's output.
    """

    parameters: tuple[frozenset[str], ...]
    shapes: tuple[torch.Size, ...]

    @property
    def shared(self) -> frozenset[str]:
        """Parameters in more than one block: tied weights, or a connection around a cut."""
        seen: set[str] = set()
        twice: set[str] = set()
        for names in self.parameters:
            twice |= seen & names
            seen |= names
        return frozenset(twice)


def trace_chain(model: nn.Module, spec: BlockSpec, loss: Loss, batch: Batch) -> ChainTrace:
    """Probe a copy of the model on a small batch; the model itself is untouched.

    Raises ValueError when a block is not called exactly once a forward pass, in order.
    """
    probe = copy.deepcopy(model).train()
    probe.requires_grad_(True)
    order: list[int] = []
    outputs: list[Tensor] = []

    def cut(position: int, output: Any) -> Any:
        order.append(position)
        if not isinstance(output, Tensor):
            raise ValueError(f"block {spec.names[position]!r} must return a tensor")
        outputs.append(output)
        return output.detach() if position < len(spec.names) - 1 else output

    taps = BlockTaps(spec.modules(probe))
    with taps.acting(cut), torch.enable_grad():
        result = probe(*batch.x)
        if order != list(range(len(spec.names))):
            raise ValueError(
                "every block must be called exactly once and in order, the calls were "
                + ", ".join(spec.names[position] for position in order)
            )
        ends = [output.sum() for output in outputs[:-1]] + [loss(result, batch.y)]
    parameters = dict(probe.named_parameters())
    return ChainTrace(
        parameters=tuple(_reached(end, parameters) for end in ends),
        shapes=(*(output.shape[1:] for output in outputs[:-1]), result.shape[1:]),
    )


def _reached(end: Tensor, parameters: dict[str, nn.Parameter]) -> frozenset[str]:
    """Names of the parameters connected to `end`."""
    if not end.requires_grad:
        return frozenset()
    gradients = torch.autograd.grad(
        end, list(parameters.values()), allow_unused=True, retain_graph=True
    )
    return frozenset(
        name for name, gradient in zip(parameters, gradients, strict=True) if gradient is not None
    )


def reached_by(model: nn.Module, forward: Callable[[nn.Module], Tensor]) -> frozenset[str]:
    """Names of the parameters that receive a gradient from the scalar `forward(copy of model)`."""
    probe = copy.deepcopy(model).train()
    probe.requires_grad_(True)
    with torch.enable_grad():
        return _reached(forward(probe), dict(probe.named_parameters()))
