"""Multi-tangent forward gradients (arXiv 2410.17764): training without a backward pass.

k directional derivatives of the loss are computed by true forward-mode differentiation, all k in
one vectorised pass, and combined into an estimate of the gradient (`tangents.py`). Perturbing
weights, tangents live in the space of all parameters; perturbing activities, in the outputs of the
blocks, where each sample has a derivative of its own, and the estimate at a block's output is
turned into weight gradients inside that block alone.
"""

from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp, vmap

from training_methods.base import (
    Batch,
    Capabilities,
    CostHint,
    Finding,
    MethodContext,
    MethodReport,
    StepResult,
    TrainingMethod,
    Trial,
    has_batch_norm,
)
from training_methods.blocks import BlockSpec, blocks_of
from training_methods.forward_mode import (
    forward_mode_operators,
    load_forward_rules,
    random_state,
    set_random_state,
)
from training_methods.losses import Loss
from training_methods.tangents import Aggregation, Distribution, Scale, aggregate, draw_tangents
from training_methods.taps import BlockTaps, ChainTrace, trace_chain

Perturbation = Literal["auto", "activity", "weight"]
MANY_WEIGHTS = 100_000


class ForwardGradient(TrainingMethod):
    """Gradients estimated from `tangents` directional derivatives a step.

    perturbation: where tangents live; `auto` is `activity` for a chain of blocks, else `weight`.
    aggregation: `projection` on the tangents' span, or their `mean`.
    scale: `unbiased`, so that one learning rate serves any number of tangents, or `raw`.
    orthonormal: tangents are made orthonormal first, which makes the projection a plain sum.
    per_sample: in activity perturbation every sample has tangents of its own.
    exact_output: the last block has its exact gradient, which needs no other block; None means
        yes where the model is a chain of blocks.
    chunk_size: tangents evaluated at once; bounds memory, changes no result. None: all.

    Over several ranks, weight perturbation draws the same tangents everywhere and sends only the
    k derivatives.
    """

    name: ClassVar[str] = "forward_gradient"
    capabilities: ClassVar[Capabilities] = Capabilities(
        uses_backward=False, owns_communication=True
    )

    def __init__(
        self,
        tangents: int = 16,
        perturbation: Perturbation = "auto",
        aggregation: Aggregation = "projection",
        scale: Scale = "unbiased",
        distribution: Distribution = "normal",
        orthonormal: bool = False,
        per_sample: bool = True,
        exact_output: bool | None = None,
        chunk_size: int | None = None,
    ) -> None:
        if tangents < 1 or (chunk_size is not None and chunk_size < 1):
            raise ValueError("forward_gradient: tangents and chunk_size must be at least 1")
        for option, value, known in (
            ("perturbation", perturbation, get_args(Perturbation)),
            ("aggregation", aggregation, get_args(Aggregation)),
            ("scale", scale, get_args(Scale)),
            ("distribution", distribution, get_args(Distribution)),
        ):
            if value not in known:
                raise ValueError(f"forward_gradient: {option} must be one of {', '.join(known)}")
        self.tangents = tangents
        self.perturbation = perturbation
        self.aggregation: Aggregation = aggregation
        self.scale: Scale = scale
        self.distribution: Distribution = distribution
        self.orthonormal = orthonormal
        self.per_sample = per_sample
        self.exact_output = exact_output
        self.chunk_size = chunk_size
        self._taps: BlockTaps | None = None
        self._seed = 0
        self._jvps = 0
        self._forward_evaluations = 0

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {"tangents": trial.suggest_int("forward_gradient_tangents", 4, 64, log=True)}

    def cost_hint(self) -> CostHint:
        return CostHint(step_time=1 + 0.5 * self.tangents, memory=float(self.tangents))

    def check(self, model: nn.Module, loss: Loss, context: MethodContext) -> list[Finding]:
        found = super().check(model, loss, context)
        chain = _chain_of(model)
        activity, exact = self._resolved(model)
        if (activity or exact) and chain is None:
            found.append(
                Finding(
                    "error",
                    "activity perturbation and an exact output need a model of blocks in a "
                    "chain; use perturbation='weight' and exact_output=False",
                )
            )
            return found
        if activity and has_batch_norm(model):
            found.append(
                Finding(
                    "error",
                    "activity perturbation needs independent samples, BatchNorm couples them; "
                    "use perturbation='weight'",
                )
            )
        if chain is not None and (activity or exact):
            try:
                shared = trace_chain(model, chain, loss, context.example()).shared
            except ValueError as problem:
                return [*found, Finding("error", str(problem))]
            if shared:
                found.append(
                    Finding(
                        "error",
                        "blocks must not share parameters or have connections around a cut: "
                        + ", ".join(sorted(shared)[:6]),
                    )
                )
        weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
        if not activity and weights > MANY_WEIGHTS:
            found.append(
                Finding("warning", f"{weights} weights: {self.tangents} tangents say very little")
            )
        return found

    def prepare(self, model: nn.Module, loss: Loss, context: MethodContext) -> None:
        super().prepare(model, loss, context)
        load_forward_rules()
        self._activity, self._exact = self._resolved(model)
        seed = torch.randint(2**48, (1,), generator=context.generator)
        seed = seed.to(context.device)
        context.communicator.broadcast_([seed], source=0, label="control")
        self._seed = int(seed.item())
        trainable = [name for name, p in model.named_parameters() if p.requires_grad]
        exact: frozenset[str] = frozenset()
        spec = _chain_of(model)
        if spec is not None and (self._activity or self._exact):
            trace = trace_chain(model, spec, loss, context.example())
            exact = trace.parameters[-1] if self._exact else exact
            self._tap(spec, trace)
        self._output_weights = [name for name in trainable if name in exact]
        self._moving = [name for name in trainable if name not in exact]
        self._batch_norm = has_batch_norm(model)

    def compute_gradients(self, batch: Batch, step: int) -> StepResult:
        loss = self._activity_step(batch, step) if self._activity else self._step(batch, step)
        return StepResult(loss.detach())

    def reduce_gradients(self) -> None:
        if self._activity:
            super().reduce_gradients()
        elif self._output_weights and self.context.communicator.world_size > 1:
            held = dict(self.model.named_parameters())
            gradients = [held[name].grad for name in self._output_weights]
            self.context.communicator.mean_(
                [gradient for gradient in gradients if gradient is not None], label="gradients"
            )

    def merge(self) -> nn.Module:
        if self._taps is not None:
            self._taps.remove()
        return self.model

    def state_dict(self) -> dict[str, Any]:
        return {
            **super().state_dict(),
            "seed": self._seed,
            "jvps": self._jvps,
            "forward_evaluations": self._forward_evaluations,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._seed = state["seed"]
        self._jvps = state["jvps"]
        self._forward_evaluations = state["forward_evaluations"]

    def report(self) -> MethodReport:
        return replace(
            super().report(), jvps=self._jvps, forward_evaluations=self._forward_evaluations
        )

    def _resolved(self, model: nn.Module) -> tuple[bool, bool]:
        """(perturb activities, exact output) for this model."""
        chain = _chain_of(model) is not None
        activity = chain if self.perturbation == "auto" else self.perturbation == "activity"
        return activity, chain if self.exact_output is None else self.exact_output

    def _tap(self, spec: BlockSpec, trace: ChainTrace) -> None:
        sites = len(spec.names) - 1 if self._exact else len(spec.names)
        self._taps = BlockTaps(spec.modules(self.model)[:sites])
        self._shapes = trace.shapes[:sites]
        self._sizes = [shape.numel() for shape in self._shapes]

    def _draw(self, step: int, dimension: int, like: Tensor, samples: int | None = None) -> Tensor:
        """Tangents [k, n], or [samples, k, n], from (seed, step) alone."""
        rank = self.context.communicator.rank if self._activity else 0
        generator = torch.Generator(device=like.device)
        generator.manual_seed((self._seed * 1_000_003 + step * 1009 + rank) % 2**63)
        count = min(self.tangents, dimension)
        self._jvps += count
        return draw_tangents(
            (count, dimension) if samples is None else (samples, count, dimension),
            distribution=self.distribution,
            orthonormal=self.orthonormal,
            generator=generator,
            dtype=like.dtype,
        )

    def _aggregate(self, tangents: Tensor, derivatives: Tensor) -> Tensor:
        return aggregate(
            tangents,
            derivatives,
            aggregation=self.aggregation,
            scale=self.scale,
            orthonormal=self.orthonormal,
        )

    def _step(self, batch: Batch, step: int) -> Tensor:
        """Weight perturbation: one derivative a tangent, of the batch's mean loss."""
        held = dict(self.model.named_parameters())
        fixed = {name: p.detach() for name, p in held.items()}
        moving = {name: fixed.pop(name) for name in self._moving}
        shapes = [value.shape for value in moving.values()]
        sizes = [shape.numel() for shape in shapes]

        def loss_of(weights: dict[str, Tensor]) -> Tensor:
            output = functional_call(self.model, {**fixed, **weights}, batch.x)
            return self.loss(output, batch.y)

        def derivative(row: Tensor) -> tuple[Tensor, Tensor]:
            parts = torch.split_with_sizes(row, sizes)
            tangent = {
                name: part.view(shape)
                for name, part, shape in zip(moving, parts, shapes, strict=True)
            }
            outcome = jvp(loss_of, (moving,), (tangent,))
            return outcome[0], outcome[1]

        loss = self._exact_output_gradient(batch)
        if moving:
            tangents = self._draw(step, sum(sizes), next(iter(moving.values())))
            with torch.no_grad(), forward_mode_operators(self.model):
                values, derivatives = vmap(
                    derivative, randomness="same", chunk_size=self.chunk_size
                )(tangents)
            self.context.communicator.mean_([derivatives], label="gradients")
            estimate = self._aggregate(tangents, derivatives)
            for name, part, shape in zip(
                moving, torch.split_with_sizes(estimate, sizes), shapes, strict=True
            ):
                held[name].grad = part.view(shape).clone()
            loss = values[0] if loss is None else loss
        assert loss is not None
        return loss

    def _exact_output_gradient(self, batch: Batch) -> Tensor | None:
        """Fill the last block's gradients from the loss, in front of which the graph is cut."""
        if self._output_weights:
            assert self._taps is not None
            with self._taps.cutting():
                loss = self.loss(self.model(*batch.x), batch.y)
            torch.autograd.backward(loss)
            self._forward_evaluations += 1
            return loss
        if self._batch_norm:
            # Forward mode must not write running statistics; this pass does.
            with torch.no_grad():
                self.model(*batch.x)
            self._forward_evaluations += 1
        return None

    def _activity_step(self, batch: Batch, step: int) -> Tensor:
        """Activity perturbation: one derivative a tangent and sample, then local backward."""
        taps = self._taps
        assert taps is not None
        samples = len(batch.index)
        like = next(self.model.parameters())
        estimates: list[Tensor] = []
        if self._sizes:
            state = random_state(self.context.device)
            tangents = self._draw(
                step, sum(self._sizes), like, samples if self.per_sample else None
            )
            derivatives = self._activity_derivatives(batch, taps, tangents)
            estimate = self._aggregate(
                tangents if self.per_sample else tangents.unsqueeze(0), derivatives
            )
            estimates = list(torch.split_with_sizes(estimate / samples, self._sizes, dim=1))
            # The local pass must see the dropout masks the derivatives belong to.
            set_random_state(self.context.device, state)
        with taps.cutting() as outputs:
            output = self.model(*batch.x)
        loss = self.loss(output, batch.y)
        ends: list[Tensor] = [loss] if self._exact else []
        gradients: list[Tensor] = [torch.ones_like(loss)] if self._exact else []
        for block, estimate in zip(outputs, estimates, strict=True):
            if block.requires_grad:
                ends.append(block)
                gradients.append(estimate.reshape(block.shape))
        torch.autograd.backward(ends, gradients)
        self._forward_evaluations += 1
        return loss

    def _activity_derivatives(self, batch: Batch, taps: BlockTaps, tangents: Tensor) -> Tensor:
        """[samples, k] derivatives of each sample's loss."""
        samples = len(batch.index)
        shapes = [(samples, *shape) for shape in self._shapes]
        at_rest = tuple(tangents.new_zeros(shape) for shape in shapes)

        def losses_at(*shifts: Tensor) -> Tensor:
            with taps.acting(lambda position, output: output + shifts[position]):
                return self.loss.per_sample(self.model(*batch.x), batch.y)

        def derivative(rows: Tensor) -> Tensor:
            parts = torch.split_with_sizes(rows, self._sizes, dim=-1)
            tangent = tuple(
                part.expand(samples, -1).reshape(shape)
                for part, shape in zip(parts, shapes, strict=True)
            )
            return torch.as_tensor(jvp(losses_at, at_rest, tangent)[1])

        with torch.no_grad(), forward_mode_operators(self.model):
            return torch.as_tensor(
                vmap(
                    derivative,
                    in_dims=1 if self.per_sample else 0,
                    out_dims=1,
                    randomness="same",
                    chunk_size=self.chunk_size,
                )(tangents)
            )


def _chain_of(model: nn.Module) -> BlockSpec | None:
    spec = blocks_of(model)
    return spec if spec is not None and spec.kind == "chain" else None
