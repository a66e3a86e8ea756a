"""Controls: what training only the output, or every block by itself, already achieves."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from training_methods.base import (
    Batch,
    Capabilities,
    Finding,
    MethodContext,
    StepResult,
    TrainingMethod,
)
from training_methods.blocks import BlockSpec, blocks_of
from training_methods.losses import FlowNegativeLogLikelihood, Loss
from training_methods.taps import BlockTaps, reached_by, trace_chain


class LastLayerOnly(TrainingMethod):
    """Trains the last block of a chain; everything before stays at its initialisation.

    The control that every method with approximate hidden gradients has to beat.
    """

    name: ClassVar[str] = "last_layer_only"
    capabilities: ClassVar[Capabilities] = Capabilities(needs_blocks=True)

    def check(self, model: nn.Module, loss: Loss, context: MethodContext) -> list[Finding]:
        found = super().check(model, loss, context)
        spec = blocks_of(model)
        if spec is not None and spec.kind != "chain":
            found.append(Finding("error", f"{self.name} needs a chain of blocks, not {spec.kind}"))
        return found

    def prepare(self, model: nn.Module, loss: Loss, context: MethodContext) -> None:
        super().prepare(model, loss, context)
        spec = blocks_of(model)
        assert spec is not None
        last = trace_chain(model, spec, loss, context.example()).parameters[-1]
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in last)

    def compute_gradients(self, batch: Batch, step: int) -> StepResult:
        loss = self.loss(self.model(*batch.x), batch.y)
        torch.autograd.backward(loss)
        return StepResult(loss.detach())


class BlockLocal(TrainingMethod):
    """Every block learns from a loss of its own; no gradient passes from block to block.

    Additive blocks (N-BEATS, N-HiTS): the loss's gradient at each forecast is exact, only the
    backcasts are cut. Flows: each block maximises the likelihood of its own output on a detached
    input; what conditions the blocks learns from all of them.
    """

    name: ClassVar[str] = "block_local"
    capabilities: ClassVar[Capabilities] = Capabilities(needs_blocks=True)

    def check(self, model: nn.Module, loss: Loss, context: MethodContext) -> list[Finding]:
        found = super().check(model, loss, context)
        spec = blocks_of(model)
        if spec is None:
            return found
        if spec.kind == "chain":
            found.append(
                Finding("error", "blocks in a chain have no loss of their own; f3 gives them one")
            )
        elif (spec.kind == "flow") != isinstance(loss, FlowNegativeLogLikelihood):
            found.append(
                Finding("error", f"blocks of kind {spec.kind} do not fit the loss {loss.name!r}")
            )
        else:
            idle = self._idle(model, loss, context, spec)
            if idle:
                found.append(
                    Finding(
                        "warning",
                        f"{len(idle)} parameter tensors serve other blocks alone and stay at "
                        f"their initialisation: {', '.join(sorted(idle)[:6])}",
                    )
                )
        return found

    def prepare(self, model: nn.Module, loss: Loss, context: MethodContext) -> None:
        super().prepare(model, loss, context)
        spec = blocks_of(model)
        assert spec is not None
        idle = self._idle(model, loss, context, spec)
        for name, parameter in model.named_parameters():
            if name in idle:
                parameter.requires_grad_(False)
        self._step = _LocalStep(model, spec, loss)

    def compute_gradients(self, batch: Batch, step: int) -> StepResult:
        local, loss = self._step(batch)
        torch.autograd.backward(local)
        return StepResult(loss.detach())

    def merge(self) -> nn.Module:
        self._step.remove()
        return self.model

    def _idle(
        self, model: nn.Module, loss: Loss, context: MethodContext, spec: BlockSpec
    ) -> frozenset[str]:
        """Parameters that backprop would train and this method does not."""
        batch = context.example()
        everywhere = reached_by(model, lambda probe: loss(probe(*batch.x), batch.y))
        locally = reached_by(model, lambda probe: _LocalStep(probe, spec, loss)(batch)[0])
        return everywhere - locally


class _LocalStep:
    """One forward pass with blocks cut apart: (sum of the local losses, the model's loss)."""

    def __init__(self, model: nn.Module, spec: BlockSpec, loss: Loss) -> None:
        self._model, self._loss, self._flow = model, loss, spec.kind == "flow"
        blocks = spec.modules(model)
        self._taps = BlockTaps(blocks)
        self._recording = False
        self._handles = (
            [block.register_forward_pre_hook(self._detach_input) for block in blocks]
            if self._flow
            else []
        )

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        local: list[Tensor] = []

        def flow_block(position: int, output: Any) -> Any:
            local.append(self._loss(output, None))
            return output

        def additive_block(position: int, output: Any) -> Any:
            backcast, forecast = output
            return backcast.detach(), forecast

        self._recording = True
        try:
            with self._taps.acting(flow_block if self._flow else additive_block):
                loss = self._loss(self._model(*batch.x), batch.y)
        finally:
            self._recording = False
        return (torch.stack(local).sum() if self._flow else loss), loss

    def _detach_input(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return (inputs[0].detach(), *inputs[1:]) if self._recording else None

    def remove(self) -> None:
        self._taps.remove()
        for handle in self._handles:
            handle.remove()
