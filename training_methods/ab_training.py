"""AB-training (Coquelin et al. 2024): data-parallel training that sends low-rank factors.

After a warm-up every weight becomes A B. Half of the groups of ranks train the A with B at rest,
the other half the B with A at rest, without speaking to each other; now and then all ranks
synchronise, train the whole weights together for some steps, and decompose them again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from training_methods.base import (
    Batch,
    CostHint,
    Finding,
    MethodContext,
    MethodReport,
    Replacement,
    StepResult,
    Trial,
)
from training_methods.losses import Loss
from training_methods.low_rank import (
    Decomposer,
    WeightMatrix,
    dense_parameters,
    dense_state,
    factorise_as_in,
    kept_rank,
    product,
    products_once,
    weight_matrices,
)
from training_methods.synchronisation import PeriodicSynchronisation, settle_in_place

MergeMode = Literal["with_stale", "only_learned", "full", "only_b"]
MERGE_MODES: tuple[str, ...] = get_args(MergeMode)
_A, _B = 0, 1


class AbTraining(PeriodicSynchronisation):
    """Groups train one factor of every weight each; see `PeriodicSynchronisation` for the phases.

    cutoff: c; singular values below c times the largest are cut at each decomposition.
    merge_mode: what a synchronisation makes of the factors: `with_stale` averages A and B over
        all ranks, `only_learned` over those that trained them, `full` averages the products, and
        `only_b` has every rank train B.
    least_break_even: weights stay whole unless two factors of this rank are smaller than they.
    keep_first, keep_last: leave the first, or the last, weight of the model whole.
    full_rank: patterns of layer paths that stay whole.
    """

    name: ClassVar[str] = "ab_training"

    def __init__(
        self,
        warmup: float = 0.15,
        period: int = 150,
        full_steps: int = 15,
        rebound_steps: int = 30,
        group_size: int | None = None,
        cutoff: float = 0.15,
        merge_mode: MergeMode = "with_stale",
        least_break_even: int = 16,
        keep_first: bool = True,
        keep_last: bool = True,
        full_rank: Sequence[str] = (),
    ) -> None:
        super().__init__(warmup, period, full_steps, rebound_steps, group_size)
        if not 0 <= cutoff < 1:
            raise ValueError("ab_training: cutoff must lie in [0, 1)")
        if merge_mode not in MERGE_MODES:
            raise ValueError(f"ab_training: merge_mode must be one of {', '.join(MERGE_MODES)}")
        if least_break_even < 1:
            raise ValueError("ab_training: least_break_even must be at least 1")
        self.cutoff = cutoff
        self.merge_mode = merge_mode
        self.least_break_even = least_break_even
        self.keep_first = keep_first
        self.keep_last = keep_last
        self.full_rank = tuple(full_rank)

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "warmup": trial.suggest_float("ab_training_warmup", 0.05, 0.5),
            "period": trial.suggest_int("ab_training_period", 50, 500, log=True),
            "cutoff": trial.suggest_float("ab_training_cutoff", 0.05, 0.5, log=True),
            "merge_mode": trial.suggest_categorical("ab_training_merge_mode", list(MERGE_MODES)),
        }

    def cost_hint(self) -> CostHint:
        return CostHint(step_time=1.2, memory=1.5)

    def check(self, model: nn.Module, loss: Loss, context: MethodContext) -> list[Finding]:
        found = super().check(model, loss, context)
        if not self._eligible(model):
            found.append(
                Finding("error", f"{self.name}: no weight of this model is worth two factors")
            )
        return found

    def prepare(self, model: nn.Module, loss: Loss, context: MethodContext) -> None:
        super().prepare(model, loss, context)
        self.weights = self._eligible(model)
        self._decompose = Decomposer(context.communicator)
        self._ranks: dict[str, int] = {}
        learns_b = self.merge_mode == "only_b" or self.group_index >= self.groups // 2
        self.trained = _B if learns_b else _A

    def compute_gradients(self, batch: Batch, step: int) -> StepResult:
        with products_once(self.independent):
            return super().compute_gradients(batch, step)

    def state_dict(self) -> dict[str, Any]:
        return {
            **super().state_dict(),
            "ranks": dict(self._ranks),
            "svd_seconds": self._decompose.seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        factorise_as_in(self.weights, state["model"], trained=self.trained)
        super().load_state_dict(state)
        self._ranks = dict(state["ranks"])
        self._decompose.seconds = state["svd_seconds"]

    def report(self) -> MethodReport:
        """`ranks` are those of the latest decomposition."""
        return replace(
            super().report(),
            dense=dense_parameters(self.model, self.weights),
            ranks=dict(self._ranks),
            svd_seconds=self._decompose.seconds,
        )

    def compression(self) -> float:
        """Parameters of the model with its weights as A B, at their latest ranks, relative to
        those of the plain model."""
        dense = dense_parameters(self.model, self.weights)
        saved = sum(
            weight.rows * weight.columns - self._ranks[weight.key] * (weight.rows + weight.columns)
            for weight in self.weights
            if weight.key in self._ranks
        )
        return float(1 - saved / dense)

    def _check_groups(self, world: int) -> list[Finding]:
        if self.merge_mode == "only_b" and self.group_size is None:
            return []
        found = super()._check_groups(world)
        groups = world // self._group_size(world)
        if not found and self.merge_mode != "only_b" and groups % 2:
            found = [
                Finding("error", f"{self.name}: {groups} groups do not halve into A and B groups")
            ]
        return found

    def _group_size(self, world: int) -> int:
        if self.merge_mode == "only_b" and self.group_size is None:
            return world
        return super()._group_size(world)

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
            if weight.rows * weight.columns > self.least_break_even * (weight.rows + weight.columns)
        ]

    def _part(self) -> tuple[Replacement, ...]:
        found = self._decompose(
            [weight.matrix() for weight in self.weights],
            keep=lambda values: kept_rank(values, self.cutoff),
        )
        replaced = []
        for weight, parts in zip(self.weights, found, strict=True):
            old, root = weight.whole, parts.values.sqrt()
            # Balanced, AᵀA = BBᵀ: both groups see gradients of one size.
            factors = (parts.left * root, root.unsqueeze(1) * parts.right)
            weight.factorise(factors, trained=self.trained)
            self._ranks[weight.key] = weight.rank
            replaced.append(self._onto_factor(old, weight))
        return tuple(replaced)

    def _onto_factor(self, old: nn.Parameter, weight: WeightMatrix) -> Replacement:
        """dL/dA = (dL/dW) Bᵀ and dL/dB = Aᵀ (dL/dW), so momentum maps alike; squares do so as
        those of independent entries."""
        a, b = (factor.detach() for factor in weight.factors)

        def project(moment: Tensor) -> Tensor:
            moment = moment.reshape(weight.rows, weight.columns)
            return moment @ b.T if self.trained == _A else a.T @ moment

        def project_squares(moment: Tensor) -> Tensor:
            moment = moment.reshape(weight.rows, weight.columns)
            return moment @ b.T.square() if self.trained == _A else a.T.square() @ moment

        return Replacement(old, weight.factors[self.trained], project, project_squares)

    @torch.no_grad()
    def _agreed(self, label: str) -> dict[str, Tensor]:
        rest = {name: value.detach().clone() for name, value in self._rest().items()}
        parts = [self._contribution(weight) for weight in self.weights]
        sent = [tensor for part in parts for tensor in part] + list(rest.values())
        if self.groups == 1:  # which agrees already, but for what each rank saw of the data
            sent = [rest[name] for name, _ in self.model.named_buffers() if name in rest]
        self.context.communicator.mean_(sent, label=label)
        for weight, part in zip(self.weights, parts, strict=True):
            rest[weight.key] = self._product(weight, part).reshape(weight.shape)
        return rest

    def _contribution(self, weight: WeightMatrix) -> list[Tensor]:
        """Copies of what this rank brings to the average that a synchronisation forms."""
        a, b = (factor.detach() for factor in weight.factors)
        if self.merge_mode == "full":
            return [a @ b]
        if self.merge_mode == "only_b":
            return [b.clone()]
        if self.merge_mode == "only_learned":
            # Half of the ranks bring each factor, the others zeros: twice the mean over all
            # ranks is the mean over those that trained it, in one collective.
            return [
                2 * a if self.trained == _A else torch.zeros_like(a),
                2 * b if self.trained == _B else torch.zeros_like(b),
            ]
        return [a.clone(), b.clone()]

    def _product(self, weight: WeightMatrix, averaged: list[Tensor]) -> Tensor:
        if self.merge_mode == "full":
            return averaged[0]
        if self.merge_mode == "only_b":
            return product([weight.factors[_A], averaged[0]])
        return product(averaged)

    def _settle(self, agreed: dict[str, Tensor]) -> tuple[Replacement, ...]:
        replaced = settle_in_place(self._rest(), agreed)
        for weight in self.weights:
            own = weight.factors[self.trained]
            weight.restore(agreed[weight.key])
            replaced += (Replacement(own, weight.whole),)
        return replaced

    def _rest(self) -> dict[str, Tensor]:
        """What is learned besides the factors."""
        factors = {id(factor) for weight in self.weights for factor in weight.factors}
        return {name: value for name, value in self.learned().items() if id(value) not in factors}

    def _dense_state(self) -> dict[str, Tensor]:
        return dense_state(self.model)
