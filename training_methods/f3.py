"""F³: feed-forward training with delayed feedback (arXiv 2304.13372).

Blocks are cut apart. Each hidden block receives, instead of the gradient at its output, the error
that the network made on the same sample one epoch ago, sent through a fixed random matrix:

    ∂L/∂h_l := e B_l / (n C)      e [n, C] stored errors, B_l [C, dim h_l] fixed

The last block has its exact gradient. So no gradient passes from block to block, and no transposed
weights are needed. The sign of e is the paper's, target − output. Departure from the paper's code:
hidden gradients carry the mean over n samples and C outputs as the last block's do, so that
gradient clipping and plain SGD treat both alike; Adam does not notice.
"""

from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from training_methods.base import (
    Batch,
    Capabilities,
    Finding,
    MethodContext,
    MethodReport,
    StepResult,
    TrainingMethod,
    Trial,
)
from training_methods.blocks import blocks_of
from training_methods.losses import CrossEntropy, Loss, PinballLoss, required
from training_methods.taps import BlockTaps, trace_chain

ErrorSource = Literal["delayed", "current", "target"]
SignalName = Literal["auto", "residual", "median_residual", "loss_grad", "softmax", "one_hot"]
FeedbackName = Literal["trinomial", "binomial", "kaiming", "identity"]


class F3(TrainingMethod):
    """Delayed feedback through fixed random matrices.

    error: `delayed` is F³ (in the first epoch the error is the target itself, that of a network
        that answers zero); its limits are `current`, direct feedback alignment (DFA), and
        `target`, direct random target projection (DRTP).
    signal: what is fed back. `residual` target − output; `median_residual` that of the quantile
        nearest the median, for all quantiles; `loss_grad` −∂L/∂output; `softmax` one-hot target −
        softmax(output); `one_hot` the true class's entry of it alone. `auto`:
        median_residual for pinball, softmax for cross-entropy, else residual.
    feedback: how B is drawn. `trinomial` {−1, 0, 1}, `binomial` {0, 1}, `kaiming` U(−1/√H, 1/√H)
        with H = dim h_l, `identity` ±I repeated over H; times `feedback_scale`.
    """

    name: ClassVar[str] = "f3"
    capabilities: ClassVar[Capabilities] = Capabilities(
        losses=frozenset({"mse", "mae", "pinball", "cross_entropy"}),
        needs_sample_index=True,
        needs_blocks=True,
    )

    def __init__(
        self,
        error: ErrorSource = "delayed",
        signal: SignalName = "auto",
        feedback: FeedbackName = "trinomial",
        feedback_scale: float = 1.0,
    ) -> None:
        for option, value, known in (
            ("error", error, get_args(ErrorSource)),
            ("signal", signal, get_args(SignalName)),
            ("feedback", feedback, get_args(FeedbackName)),
        ):
            if value not in known:
                raise ValueError(f"f3: {option} must be one of {', '.join(known)}")
        if not feedback_scale > 0:
            raise ValueError("f3: feedback_scale must be positive")
        self.error = error
        self.signal = signal
        self.feedback = feedback
        self.feedback_scale = feedback_scale
        self._matrices: list[Tensor] = []
        self._errors: Tensor | None = None
        self._forward_evaluations = 0

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "feedback": trial.suggest_categorical("f3_feedback", list(get_args(FeedbackName))),
        }

    def check(self, model: nn.Module, loss: Loss, context: MethodContext) -> list[Finding]:
        if not loss.has_residual:
            return [
                Finding(
                    "error",
                    "a likelihood has no output error to feed back; block_local trains flows",
                )
            ]
        found = super().check(model, loss, context)
        # The residual of unbounded logits drives them apart; measured, it does not train.
        fits = {
            "residual": not isinstance(loss, CrossEntropy),
            "median_residual": isinstance(loss, PinballLoss),
            "softmax": isinstance(loss, CrossEntropy),
            "one_hot": isinstance(loss, CrossEntropy),
        }
        if not fits.get(self.signal, True):
            found.append(
                Finding("error", f"signal {self.signal!r} does not fit the loss {loss.name!r}")
            )
        spec = blocks_of(model)
        if found or spec is None:
            return found
        if spec.kind != "chain":
            return [
                Finding(
                    "error",
                    f"blocks of kind {spec.kind} know their own loss, random feedback only harms "
                    "them; use block_local",
                )
            ]
        try:
            shared = trace_chain(model, spec, loss, context.example()).shared
        except ValueError as problem:
            return [Finding("error", str(problem))]
        if shared:
            found.append(
                Finding(
                    "error",
                    "blocks must not share parameters or have connections around a cut: "
                    + ", ".join(sorted(shared)[:6]),
                )
            )
        return found

    def prepare(self, model: nn.Module, loss: Loss, context: MethodContext) -> None:
        super().prepare(model, loss, context)
        spec = blocks_of(model)
        assert spec is not None
        trace = trace_chain(model, spec, loss, context.example())
        like = next(model.parameters())
        self._outputs = trace.shapes[-1].numel()
        self._matrices = [
            self._draw(self._outputs, shape.numel(), context.generator).to(like)
            for shape in trace.shapes[:-1]
        ]
        context.communicator.broadcast_(self._matrices, source=0, label="control")
        if self.error == "delayed":
            target = required(loss, context.data.y)
            nothing = like.new_zeros(1).expand(len(context.data), *trace.shapes[-1])
            self._errors = self._initial(nothing, target).clone(
                memory_format=torch.contiguous_format
            )
        self._taps = BlockTaps(spec.modules(model)[:-1])

    def compute_gradients(self, batch: Batch, step: int) -> StepResult:
        with self._taps.cutting() as hidden:
            output = self.model(*batch.x)
        target = required(self.loss, batch.y)
        loss = self.loss(output, target)
        error = self._error(batch, output.detach(), target)
        ends, gradients = [loss], [torch.ones_like(loss)]
        for block, matrix in zip(hidden, self._matrices, strict=True):
            if block.requires_grad:
                ends.append(block)
                gradients.append((error @ matrix).reshape(block.shape))
        torch.autograd.backward(ends, gradients)
        self._forward_evaluations += 1
        return StepResult(loss.detach())

    def merge(self) -> nn.Module:
        self._taps.remove()
        return self.model

    def state_dict(self) -> dict[str, Any]:
        return {
            **super().state_dict(),
            "matrices": self._matrices,
            "errors": self._errors,
            "forward_evaluations": self._forward_evaluations,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        like = next(self.model.parameters())
        self._matrices = [matrix.to(like) for matrix in state["matrices"]]
        self._errors = None if state["errors"] is None else state["errors"].to(like).clone()
        self._forward_evaluations = state["forward_evaluations"]

    def report(self) -> MethodReport:
        kept = [*self._matrices, *(() if self._errors is None else (self._errors,))]
        return replace(
            super().report(),
            extra_state_bytes=sum(tensor.nbytes for tensor in kept),
            forward_evaluations=self._forward_evaluations,
        )

    def _error(self, batch: Batch, output: Tensor, target: Tensor) -> Tensor:
        """[n, C] error to feed back, divided by n·C; stores this step's for the next epoch."""
        if self.error == "target":
            error = self._initial(output, target)
        else:
            current = self._signal(output, target)
            if self._errors is None:
                error = current
            else:
                error = self._errors.index_select(0, batch.index)
                self._errors.index_copy_(0, batch.index, current)
        if self._median:
            error = error.unsqueeze(-1).expand_as(output)
        return error.flatten(1) / output.numel()

    @property
    def _median(self) -> bool:
        """Whether one error serves all quantiles of a step; then only that one is stored."""
        return isinstance(self.loss, PinballLoss) and self.signal in ("auto", "median_residual")

    def _initial(self, output: Tensor, target: Tensor) -> Tensor:
        """The error of a network that answers zero: the target."""
        return target if self._median else self.loss.aligned(output, target)

    def _signal(self, output: Tensor, target: Tensor) -> Tensor:
        if self._median:
            assert isinstance(self.loss, PinballLoss)
            return target - output[..., self.loss.median]
        if self.signal == "loss_grad":
            leaf = output.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.loss(leaf, target), leaf)
            return -gradient * output.numel()
        aligned = self.loss.aligned(output, target)
        if self.signal == "softmax" or (
            self.signal == "auto" and isinstance(self.loss, CrossEntropy)
        ):
            return aligned - functional.softmax(output, dim=-1)
        if self.signal == "one_hot":
            return aligned * (aligned - functional.softmax(output, dim=-1))
        return aligned - output

    def _draw(self, outputs: int, width: int, generator: torch.Generator) -> Tensor:
        """One feedback matrix [C, dim h_l]."""
        shape = (outputs, width)
        if self.feedback == "trinomial":
            matrix = torch.randint(-1, 2, shape, generator=generator).float()
        elif self.feedback == "binomial":
            matrix = torch.randint(0, 2, shape, generator=generator).float()
        elif self.feedback == "kaiming":
            matrix = (2 * torch.rand(shape, generator=generator) - 1) / width**0.5
        else:
            identity = torch.eye(outputs)
            repeats = -(-width // (2 * outputs))
            matrix = torch.cat([identity, -identity], 1).repeat(1, repeats)[:, :width]
        return matrix * self.feedback_scale
