"""OIALR: orthogonality-informed adaptive low-rank training (Coquelin et al. 2024).

The singular bases of a network's weights settle early. After a delay every weight is decomposed,
W = U S Vᵀ; U and V stay put and only the small matrix S trains. Now and then S is diagonalised
into the bases, and singular values far below the largest are cut away.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from training_methods.backprop import Backprop
from training_methods.base import (
    Batch,
    Capabilities,
    CostHint,
    Finding,
    MethodContext,
    MethodReport,
    Replacement,
    StepResult,
    StructureChange,
    Trial,
)
from training_methods.losses import Loss
from training_methods.low_rank import (
    Decomposer,
    Decomposition,
    WeightMatrix,
    dense_parameters,
    dense_state,
    factorise_as_in,
    kept_rank,
    products_once,
    weight_matrices,
)

# A weight is left whole when one side is this many times longer than the other.
_LONGEST_SHAPE = 10
# No cut goes below this share of a weight's shorter side.
_RANK_FLOOR = 0.01
_S = 1


class Oialr(Backprop):
    """Backprop until `delay`, then training of S alone, with its rank cut `updates` times.

    delay: share of the run's steps before the weights are decomposed; 1 or more is never.
    updates: rank cuts, spread evenly over the rest of the run.
    cutoff: β; singular values below β times the largest are cut.
    max_cut: largest share of a rank that one update may take.
    layer_step: share of the weights that join at each update, from the output side; 1 is all.
    keep_first, keep_last: leave the first, or the last, weight of the model whole.
    full_rank: patterns of layer paths that stay whole.
    """

    name: ClassVar[str] = "oialr"
    capabilities: ClassVar[Capabilities] = Capabilities(replaces_parameters=True)

    def __init__(
        self,
        delay: float = 0.25,
        updates: int = 15,
        cutoff: float = 0.2,
        max_cut: float = 0.5,
        layer_step: float = 1.0,
        keep_first: bool = False,
        keep_last: bool = True,
        full_rank: Sequence[str] = (),
    ) -> None:
        if not delay >= 0:
            raise ValueError("oialr: delay must be a share of the run's steps, at least 0")
        if updates < 0:
            raise ValueError("oialr: updates must not be negative")
        if not 0 <= cutoff < 1 or not 0 <= max_cut < 1:
            raise ValueError("oialr: cutoff and max_cut must lie in [0, 1)")
        if not 0 < layer_step <= 1:
            raise ValueError("oialr: layer_step must lie in (0, 1]")
        self.delay = delay
        self.updates = updates
        self.cutoff = cutoff
        self.max_cut = max_cut
        self.layer_step = layer_step
        self.keep_first = keep_first
        self.keep_last = keep_last
        self.full_rank = tuple(full_rank)

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "delay": trial.suggest_float("oialr_delay", 0.1, 0.5),
            "updates": trial.suggest_int("oialr_updates", 5, 20),
            "cutoff": trial.suggest_float("oialr_cutoff", 0.05, 0.5, log=True),
            "keep_first": trial.suggest_categorical("oialr_keep_first", [False, True]),
        }

    def cost_hint(self) -> CostHint:
        return CostHint(step_time=1.1, memory=1.2)

    def check(self, model: nn.Module, loss: Loss, context: MethodContext) -> list[Finding]:
        found = super().check(model, loss, context)
        if not self._eligible(model):
            found.append(
                Finding("error", f"{self.name}: no weight of this model can be decomposed")
            )
        if self._first_step(context) >= context.total_steps:
            found.append(
                Finding("warning", f"{self.name}: the delay covers the run; this is backprop")
            )
        return found

    def prepare(self, model: nn.Module, loss: Loss, context: MethodContext) -> None:
        super().prepare(model, loss, context)
        self.weights = self._eligible(model)
        self._decompose = Decomposer(context.communicator)
        begin = self._first_step(context)
        every = max(1.0, (context.total_steps - begin) / (self.updates + 1))
        # In finished steps: when the weights are decomposed, and when each update comes.
        self._begin = begin
        self._updates = {
            begin + round(number * every): number for number in range(1, self.updates + 1)
        }

    def compute_gradients(self, batch: Batch, step: int) -> StepResult:
        with products_once(self._converted):
            return super().compute_gradients(batch, step)

    def after_optimizer_step(self, step: int) -> StructureChange | None:
        done = step + 1
        if done >= self.context.total_steps:
            return None  # what does not train any more need not change
        if done == self._begin:
            return self._convert()
        if done in self._updates:
            return self._cut(self._joined(self._updates[done]))
        return None

    def dense_state(self) -> dict[str, Tensor]:
        return dense_state(self.model)

    def merge(self) -> nn.Module:
        for weight in self.weights:
            if weight.factored:
                weight.restore(weight.matrix())
        return self.model

    def load_state_dict(self, state: dict[str, Any]) -> None:
        factorise_as_in(self.weights, state["model"], trained=_S)
        super().load_state_dict(state)
        self._decompose.seconds = state["svd_seconds"]

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "svd_seconds": self._decompose.seconds}

    def report(self) -> MethodReport:
        return replace(
            super().report(),
            dense=dense_parameters(self.model, self.weights),
            ranks={weight.key: weight.rank for weight in self.weights if weight.factored},
            svd_seconds=self._decompose.seconds,
        )

    @property
    def _converted(self) -> bool:
        return self.weights[0].factored

    def _eligible(self, model: nn.Module) -> list[WeightMatrix]:
        weights = weight_matrices(
            model,
            full_rank=self.full_rank,
            keep_first=self.keep_first,
            keep_last=self.keep_last,
        )
        return [
            weight
            for weight in weights
            if min(weight.rows, weight.columns) * _LONGEST_SHAPE > max(weight.rows, weight.columns)
        ]

    def _first_step(self, context: MethodContext) -> int:
        """Finished steps at the decomposition, at least 1."""
        if math.isinf(self.delay):
            return context.total_steps
        return max(1, round(self.delay * context.total_steps))

    def _joined(self, update: int) -> list[WeightMatrix]:
        """The weights whose ranks the update of this number looks at."""
        count = math.ceil(update * self.layer_step * len(self.weights))
        return self.weights[-count:]

    def _convert(self) -> StructureChange:
        matrices = [weight.matrix() for weight in self.weights]
        replaced = []
        for weight, found in zip(self.weights, self._decompose(matrices, keep=len), strict=True):
            old = weight.whole
            factors = (found.left, torch.diag(found.values), found.right)
            weight.factorise(factors, trained=_S)
            replaced.append(_rotation(old, weight, found))
        return StructureChange(tuple(replaced))

    def _cut(self, weights: Sequence[WeightMatrix]) -> StructureChange:
        replaced = []
        for weight in weights:
            left, trained, right = weight.factors
            floor = max(1, int(_RANK_FLOOR * min(weight.rows, weight.columns)))
            least = max(floor, math.ceil(weight.rank * (1 - self.max_cut)))

            def keep(values: Tensor, least: int = least) -> int:
                return max(min(least, len(values)), kept_rank(values, self.cutoff))

            [found] = self._decompose([trained.detach()], keep)
            weight.exchange(
                (left @ found.left, torch.diag(found.values), found.right @ right), trained=_S
            )
            replaced.append(_rotation(trained, weight, found))
        return StructureChange(tuple(replaced))


def _rotation(old: nn.Parameter, weight: WeightMatrix, found: Decomposition) -> Replacement:
    """S = Uᵀ M V, so gradients and what the optimiser keeps of them turn the same way; squares do
    so as those of independent entries."""
    left, right = found.left.T, found.right.T

    def turn(moment: Tensor) -> Tensor:
        return left @ moment.reshape(left.shape[1], right.shape[0]) @ right

    def turn_squares(moment: Tensor) -> Tensor:
        return left.square() @ moment.reshape(left.shape[1], right.shape[0]) @ right.square()

    return Replacement(old, weight.factors[_S], turn, turn_squares)
