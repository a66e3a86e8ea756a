"""Groups of ranks that train on their own most of the time and agree at intervals.

What local SGD and AB-training share: the phases, the groups, what is averaged when, and the
rebound of the learning rate after each change of phase.
"""

import copy
import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from training_methods.backprop import Backprop
from training_methods.base import (
    Capabilities,
    Finding,
    MethodContext,
    Replacement,
    StructureChange,
)
from training_methods.communicator import Group
from training_methods.losses import Loss


@dataclass(frozen=True)
class Phases:
    """When groups part and when all ranks synchronise, in finished steps.

    They part after `warmup` steps, synchronise at every multiple of `period` and at the run's
    end, and part again `full_steps` after each synchronisation.
    """

    total: int
    warmup: int
    period: int
    full_steps: int

    def synchronises_at(self, done: int) -> bool:
        return done == self.total or done % self.period == 0

    def parts_at(self, done: int) -> bool:
        if done >= self.total or done < self.warmup:
            return False
        return done == self.warmup or done % self.period == self.full_steps


class PeriodicSynchronisation(Backprop):
    """Data-parallel backprop over all ranks, interrupted by phases of independent groups.

    warmup: share of the run's steps before groups part for the first time; 1 or more is never.
    period: steps from one synchronisation to the next.
    full_steps: data-parallel steps over all ranks after each synchronisation.
    rebound_steps: steps in which the learning rate grows back after each change of phase.
    group_size: ranks in a group, which average their gradients at every step; None for two halves.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(
        owns_communication=True, replaces_parameters=True, min_world_size=2
    )

    def __init__(
        self,
        warmup: float = 0.15,
        period: int = 150,
        full_steps: int = 15,
        rebound_steps: int = 30,
        group_size: int | None = None,
    ) -> None:
        if not warmup >= 0:
            raise ValueError(f"{self.name}: warmup must be a share of the run, at least 0")
        if period < 2 or not 1 <= full_steps < period:
            raise ValueError(f"{self.name}: needs 1 <= full_steps < period")
        if rebound_steps < 0:
            raise ValueError(f"{self.name}: rebound_steps must not be negative")
        if group_size is not None and group_size < 1:
            raise ValueError(f"{self.name}: group_size must be at least 1, or None")
        self.warmup = warmup
        self.period = period
        self.full_steps = full_steps
        self.rebound_steps = rebound_steps
        self.group_size = group_size

    def check(self, model: nn.Module, loss: Loss, context: MethodContext) -> list[Finding]:
        found = super().check(model, loss, context)
        world = context.communicator.world_size
        if world > 1:
            found += self._check_groups(world)
        phases = self._phases(context)
        if phases.warmup >= phases.total:
            found.append(
                Finding("warning", f"{self.name}: the warm-up covers the run; plain data-parallel")
            )
        return found

    def prepare(self, model: nn.Module, loss: Loss, context: MethodContext) -> None:
        super().prepare(model, loss, context)
        self.phases = self._phases(context)
        comm = context.communicator
        size = self._group_size(comm.world_size)
        self.groups = comm.world_size // size
        self.group_index = comm.rank // size
        made = [
            comm.new_group(range(index * size, (index + 1) * size)) for index in range(self.groups)
        ]
        self._group: Group = made[self.group_index]
        self._plain = copy.deepcopy(model)
        self._plain_at = -1
        self.independent = False
        self._done = 0
        self._changed_at: int | None = None

    def reduce_gradients(self) -> None:
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        comm = self.context.communicator
        if self.independent:
            comm.mean_(gradients, label="group", group=self._group)
        else:
            comm.mean_(gradients, label="full")

    def lr_scale(self, step: int) -> float:
        if self._changed_at is None:
            return 1.0
        return min(1.0, (step - self._changed_at + 1) / (self.rebound_steps + 1))

    def after_optimizer_step(self, step: int) -> StructureChange | None:
        self._done = step + 1
        if self.independent and self.phases.synchronises_at(self._done):
            self.independent = False
            self._changed_at = self._done
            return StructureChange(self._settle(self._agreed("sync")))
        if not self.independent and self.phases.parts_at(self._done):
            self.independent = True
            self._changed_at = self._done
            return StructureChange(self._part())
        return None

    def evaluation_model(self) -> nn.Module:
        """What the ranks would agree on now; asking costs one synchronisation while they are
        apart, counted as `evaluation`."""
        if not self.independent:
            statistics = [b for b in self.learned().values() if not isinstance(b, nn.Parameter)]
            self.context.communicator.mean_(statistics, label="evaluation")
            return self.model
        if self._plain_at != self._done:
            state = self._dense_state() | self._agreed("evaluation")
            self._plain.load_state_dict(state)
            self._plain_at = self._done
        return self._plain

    def merge(self) -> nn.Module:
        if self.independent:
            state = self.evaluation_model().state_dict()
            self._settle(state)
            self.independent = False
        return self.model

    def state_dict(self) -> dict[str, Any]:
        return {
            **super().state_dict(),
            "independent": self.independent,
            "changed_at": self._changed_at,
            "done": self._done,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.independent = state["independent"]
        self._changed_at = state["changed_at"]
        self._done = state["done"]

    @abstractmethod
    def _part(self) -> tuple[Replacement, ...]:
        """The groups go apart."""

    @abstractmethod
    def _agreed(self, label: str) -> dict[str, Tensor]:
        """What all ranks make of their weights together, by name in the plain model; changes
        nothing. Called on all ranks at once."""

    @abstractmethod
    def _settle(self, agreed: dict[str, Tensor]) -> tuple[Replacement, ...]:
        """Put the agreed weights into the model. The optimiser starts afresh with all of them:
        what it kept differs between groups, and would lead equal weights apart again."""

    @abstractmethod
    def _dense_state(self) -> dict[str, Tensor]:
        """This rank's own weights, as the plain model's state."""

    def _check_groups(self, world: int) -> list[Finding]:
        size = self._group_size(world)
        if world % size or (self.group_size is None and world % 2):
            return [Finding("error", f"{self.name}: {world} ranks do not make equal groups")]
        return []

    def _group_size(self, world: int) -> int:
        return max(1, world // 2) if self.group_size is None else min(self.group_size, world)

    def _phases(self, context: MethodContext) -> Phases:
        total = context.total_steps
        warmup = total if math.isinf(self.warmup) else max(1, round(self.warmup * total))
        return Phases(total, warmup, self.period, self.full_steps)

    def learned(self) -> dict[str, Tensor]:
        """Trainable parameters and floating-point buffers (running statistics) by name."""
        trainable = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        return trainable | {
            name: buffer
            for name, buffer in self.model.named_buffers()
            if buffer.is_floating_point()
        }


@torch.no_grad()
def settle_in_place(
    learned: dict[str, Tensor], agreed: dict[str, Tensor]
) -> tuple[Replacement, ...]:
    """Parameters and buffers take the agreed values; to the optimiser they are as if new."""
    for name, tensor in learned.items():
        tensor.copy_(agreed[name])
    return tuple(Replacement(p, p) for p in learned.values() if isinstance(p, nn.Parameter))
