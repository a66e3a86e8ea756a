"""`TrainingMethod`: how gradients come about. The trainer owns everything else.

Order of one step: zero gradients, `compute_gradients`, `reduce_gradients`, clip, optimiser step,
`after_optimizer_step`.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self

import torch
from torch import Tensor, nn

from training_methods.blocks import blocks_of
from training_methods.communicator import Communicator
from training_methods.losses import Loss


@dataclass(frozen=True)
class TensorData:
    """Samples as tensors: `x` are the model's positional inputs, `y` the target or None.

    The first dimension of every tensor counts samples; a sample's position is its identity.
    """

    x: tuple[Tensor, ...]
    y: Tensor | None = None

    def __post_init__(self) -> None:
        tensors = (*self.x, *(() if self.y is None else (self.y,)))
        if not self.x or any(tensor.ndim == 0 for tensor in tensors):
            raise ValueError("data need at least one input, with samples in the first dimension")
        if len({tensor.shape[0] for tensor in tensors}) != 1:
            raise ValueError(
                "all tensors must have the same number of samples, got "
                + ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            )
        if len(self) == 0:
            raise ValueError("data have no samples")

    def __len__(self) -> int:
        return self.x[0].shape[0]

    def to(self, device: torch.device) -> "TensorData":
        return TensorData(
            tuple(tensor.to(device) for tensor in self.x),
            None if self.y is None else self.y.to(device),
        )

    def gather(self, index: Tensor) -> "Batch":
        """The samples at positions `index` (int64, on the data's device)."""
        return Batch(
            tuple(tensor.index_select(0, index) for tensor in self.x),
            None if self.y is None else self.y.index_select(0, index),
            index,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Some samples; `index` holds their positions in the training data."""

    x: tuple[Tensor, ...]
    y: Tensor | None
    index: Tensor


@dataclass(frozen=True)
class Capabilities:
    """What a method needs and bears. `losses` None means any loss."""

    losses: frozenset[str] | None = None
    needs_sample_index: bool = False
    needs_blocks: bool = False
    uses_backward: bool = True
    replaces_parameters: bool = False
    owns_communication: bool = False
    min_world_size: int = 1
    batch_coupled_layers_ok: bool = True


@dataclass(frozen=True)
class Finding:
    """One thing `check` noticed. An `error` refuses the run; a `warning` is reported with it."""

    severity: Literal["error", "warning"]
    reason: str


class MethodRefused(ValueError):  # noqa: N818 - says what happened
    """The method cannot train this model with this loss. `findings` say why."""

    def __init__(self, method: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        reasons = "; ".join(f.reason for f in findings if f.severity == "error")
        super().__init__(f"training method {method!r} cannot be used here: {reasons}")


@dataclass(frozen=True)
class MethodContext:
    """What a run offers its method. `data` lie on `device`; `generator` draws on the CPU."""

    data: TensorData
    device: torch.device
    generator: torch.Generator
    communicator: Communicator
    max_epochs: int
    steps_per_epoch: int

    @property
    def total_steps(self) -> int:
        return self.max_epochs * self.steps_per_epoch

    def example(self, samples: int = 4) -> Batch:
        """The first samples, for probing shapes and connections."""
        return self.data.gather(torch.arange(min(samples, len(self.data)), device=self.device))


@dataclass(frozen=True, slots=True)
class StepResult:
    """`loss`: detached mean over the batch, a scalar on the device. Gradients lie in `p.grad`."""

    loss: Tensor


@dataclass(frozen=True)
class Replacement:
    """`new` takes the place of `old` in the optimiser; the two may be the same parameter.

    `map_state` turns what the optimiser keeps of gradients (momentum) in the old parameter's shape
    into the new one's, `map_square` what it keeps of their squares. Without `map_state` the
    optimiser starts afresh with the new parameter, its step count too.
    """

    old: nn.Parameter
    new: nn.Parameter
    map_state: Callable[[Tensor], Tensor] | None = None
    map_square: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class StructureChange:
    """Parameters that were exchanged after an optimiser step."""

    replaced: tuple[Replacement, ...]


@dataclass(frozen=True)
class MethodReport:
    """What a run took, counted, not estimated. Numbers of parameters, bytes and calls.

    `trainable`: parameters that an optimiser may change at the end of training; `stored`: all
    parameters the method kept then; `dense`: parameters of the plain model it returns.
    `extra_state_bytes`: buffers of the method, such as stored errors or feedback matrices.
    """

    method: str
    trainable: int
    stored: int
    dense: int
    ranks: dict[str, int] = field(default_factory=dict)
    comm_bytes: dict[str, int] = field(default_factory=dict)
    comm_ring_bytes: dict[str, int] = field(default_factory=dict)
    comm_calls: int = 0
    extra_state_bytes: int = 0
    forward_evaluations: int = 0
    jvps: int = 0
    svd_seconds: float = 0.0
    findings: tuple[Finding, ...] = ()


class Trial(Protocol):
    """The part of `optuna.Trial` that search spaces use."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Any) -> Any: ...


@dataclass(frozen=True)
class CostHint:
    """Rough cost of one step against backprop: factors on time and on peak memory."""

    step_time: float = 1.0
    memory: float = 1.0


class TrainingMethod(ABC):
    """One way to train a network. A fresh object serves one run.

    Life: `check` -> `prepare` -> (`load_state_dict` when resuming) -> the optimiser is built from
    `parameter_groups` -> for every epoch `on_epoch_start`, then steps -> `merge`.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities] = Capabilities()

    model: nn.Module
    loss: Loss
    context: MethodContext

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        """Options drawn from a trial, to be passed to the constructor."""
        return {}

    def cost_hint(self) -> CostHint:
        return CostHint()

    def check(self, model: nn.Module, loss: Loss, context: MethodContext) -> list[Finding]:
        """Why this method cannot, or should not, train this model; changes nothing."""
        found: list[Finding] = []
        needs = self.capabilities
        if needs.losses is not None and loss.name not in needs.losses:
            found.append(
                Finding(
                    "error",
                    f"{self.name} does not apply to the loss {loss.name!r} "
                    f"(only to {', '.join(sorted(needs.losses))})",
                )
            )
        if needs.needs_blocks and blocks_of(model) is None:
            found.append(Finding("error", f"{type(model).__name__} names no blocks (block_spec())"))
        world = context.communicator.world_size
        if world < needs.min_world_size:
            found.append(
                Finding(
                    "error", f"{self.name} needs {needs.min_world_size} ranks, this run has {world}"
                )
            )
        if not needs.batch_coupled_layers_ok and has_batch_norm(model):
            found.append(
                Finding("error", f"{self.name} needs independent samples; BatchNorm couples them")
            )
        return found

    def prepare(self, model: nn.Module, loss: Loss, context: MethodContext) -> None:
        """Take the model over. Called once, before the optimiser exists; extend, don't skip."""
        self.model = model
        self.loss = loss
        self.context = context

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Optimiser groups: together exactly the parameters that require gradients."""
        return [{"params": [p for p in self.model.parameters() if p.requires_grad]}]

    def on_epoch_start(self, epoch: int) -> None:
        """`epoch` counts from 0."""
        return None

    @abstractmethod
    def compute_gradients(self, batch: Batch, step: int) -> StepResult:
        """Fill `p.grad` of every parameter for this batch. `step` counts from 0 over the run."""

    def reduce_gradients(self) -> None:
        """Make gradients agree over the ranks; by default their mean over all of them."""
        comm = self.context.communicator
        if comm.world_size > 1:
            gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
            comm.mean_(gradients, label="gradients")

    def lr_scale(self, step: int) -> float:
        """Factor on the scheduled learning rate of this step."""
        return 1.0

    def after_optimizer_step(self, step: int) -> StructureChange | None:
        """Change the model's structure, if it is time; the trainer updates the optimiser."""
        return None

    def evaluation_model(self) -> nn.Module:
        """What validation runs on, in eval mode; on every rank the same function."""
        return self.model

    def dense_state(self) -> dict[str, Tensor]:
        """Weights of the plain model as `merge` would return it now. May share memory."""
        return dict(self.evaluation_model().state_dict())

    def merge(self) -> nn.Module:
        """End the run: the plain model, with the architecture given to `prepare` and no trace of
        the method."""
        return self.model

    def state_dict(self) -> dict[str, Any]:
        """Everything a bit-identical resume needs, the model's weights included."""
        return {"model": self.model.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore after `prepare`; brings the model into the structure it was saved in."""
        self.model.load_state_dict(state["model"])

    def report(self) -> MethodReport:
        """Counts so far; extend with `dataclasses.replace`."""
        parameters = list(self.model.parameters())
        stored = sum(p.numel() for p in parameters)
        traffic = self.context.communicator.traffic
        return MethodReport(
            method=self.name,
            trainable=sum(p.numel() for p in parameters if p.requires_grad),
            stored=stored,
            dense=stored,
            comm_bytes=dict(traffic.payload),
            comm_ring_bytes=dict(traffic.ring),
            comm_calls=sum(traffic.calls.values()),
        )

    @classmethod
    def create(cls, **options: Any) -> Self:
        """Construct with options; ValueError names an unknown one."""
        known = [name for name in inspect.signature(cls).parameters if name != "self"]
        unknown = sorted(options.keys() - set(known))
        if unknown:
            raise ValueError(
                f"training method {cls.name!r} has no option {', '.join(unknown)}; "
                f"known: {', '.join(known) or 'none'}"
            )
        return cls(**options)


def has_batch_norm(model: nn.Module) -> bool:
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())
