"""Weight matrices as products of factors: found in a model, decomposed, swapped in and out again.

A weight W [rows, columns] (leading dimension by the rest) becomes W = F₁ F₂ …, through torch's
parametrisations, so that convolutions, attention and recurrent layers work as they are. Linear
layers apply the factors one after another where that takes fewer multiplications than W does.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from training_methods.communicator import Communicator
from training_methods.outcomes import TrainingDiverged

_ATTENTION_WEIGHTS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


class WeightMatrix:
    """One weight of a model, seen as a matrix [rows, columns]: whole, or as a product."""

    def __init__(self, path: str, module: nn.Module, name: str) -> None:
        self.key = f"{path}.{name}" if path else name
        self.module = module
        self.name = name
        self.shape: torch.Size = getattr(module, name).shape
        self.rows = self.shape[0]
        self.columns = self.shape[1:].numel()
        self._order = [found for found, _ in module.named_parameters(recurse=False)]

    @property
    def factored(self) -> bool:
        return parametrize.is_parametrized(self.module, self.name)

    @property
    def whole(self) -> nn.Parameter:
        """The weight itself; only while it is not factored."""
        parameter: nn.Parameter = self.module.get_parameter(self.name)
        return parameter

    @property
    def factors(self) -> tuple[nn.Parameter, ...]:
        """F₁, F₂, …; only while it is factored."""
        originals = self._parametrization()
        return tuple(
            originals.get_parameter(f"original{i}") for i in range(int(originals.ntensors))
        )

    @property
    def rank(self) -> int:
        return self.factors[0].shape[1]

    @torch.no_grad()
    def matrix(self) -> Tensor:
        """[rows, columns] the present weight."""
        if self.factored:
            return product(self.factors)
        return self.whole.detach().reshape(self.rows, self.columns)

    def factorise(self, factors: Sequence[Tensor], *, trained: int) -> None:
        """Put factors in the weight's place; only the one at position `trained` gets gradients."""
        parametrization = _Product(self.shape, tuple(factors))
        parametrize.register_parametrization(self.module, self.name, parametrization)
        parametrization.initial = ()
        self._freeze_all_but(trained)
        self._choose_forward()

    def exchange(self, factors: Sequence[Tensor], *, trained: int) -> None:
        """Other factors, as many as before, as new parameters."""
        originals = self._parametrization()
        for position, factor in enumerate(factors):
            setattr(originals, f"original{position}", nn.Parameter(factor.detach()))
        self._freeze_all_but(trained)
        self._choose_forward()

    @torch.no_grad()
    def restore(self, matrix: Tensor) -> None:
        """Make the weight whole again, with the values of `matrix` and its place in the order of
        the module's parameters, on which sums over all of them depend."""
        vars(self.module).pop("forward", None)
        parametrize.remove_parametrizations(self.module, self.name, leave_parametrized=True)
        setattr(self.module, self.name, nn.Parameter(matrix.detach().reshape(self.shape).clone()))
        present = dict(self.module.named_parameters(recurse=False))
        for name in self._order[self._order.index(self.name) + 1 :]:
            if present.get(name) is not None:
                delattr(self.module, name)
                setattr(self.module, name, present[name])

    def _parametrization(self) -> Any:
        return getattr(self.module.parametrizations, self.name)

    def _freeze_all_but(self, trained: int) -> None:
        for position, factor in enumerate(self.factors):
            factor.requires_grad_(position == trained)

    def _choose_forward(self) -> None:
        """Thin products cost Σ|Fᵢ| multiplications a sample, the whole matrix rows · columns."""
        vars(self.module).pop("forward", None)
        stored = sum(factor.numel() for factor in self.factors)
        if isinstance(self.module, nn.Linear) and stored < self.rows * self.columns:
            # An instance attribute, found before the class's method, and gone after `restore`.
            vars(self.module)["forward"] = partial(_thin_linear, self.module)


class _Product(nn.Module):
    """W = F₁ F₂ … in the shape of the weight."""

    def __init__(self, shape: torch.Size, initial: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.initial = initial

    def forward(self, *factors: Tensor) -> Tensor:
        return product(factors).reshape(self.shape)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, ...]:
        return tuple(factor.detach() for factor in self.initial)


def product(factors: Sequence[Tensor]) -> Tensor:
    """F₁ F₂ …, multiplied in the cheapest order."""
    result: Tensor = torch.linalg.multi_dot(list(factors))
    return result


def _thin_linear(layer: nn.Linear, x: Tensor) -> Tensor:
    originals: Any = layer.parametrizations["weight"]  # type: ignore[index]
    count = int(originals.ntensors)
    for position in range(count - 1, 0, -1):
        x = functional.linear(x, getattr(originals, f"original{position}"))
    return functional.linear(x, originals.original0, layer.bias)


def weight_matrices(
    model: nn.Module,
    *,
    full_rank: Sequence[str] = (),
    keep_first: bool = False,
    keep_last: bool = False,
) -> list[WeightMatrix]:
    """The weights of linear, convolutional, attention and recurrent layers, in the model's order.

    Left out: weights that several layers share, frozen ones, those of layers whose path matches a
    pattern of `full_rank`, the first and the last one if they are kept whole, and those with a
    single row or column.
    """
    uses = Counter(
        id(parameter)
        for module in model.modules()
        for _, parameter in module.named_parameters(recurse=False, remove_duplicate=False)
    )
    found = [
        WeightMatrix(path, module, name)
        for path, module in model.named_modules()
        if not any(fnmatch(path, pattern) for pattern in full_rank)
        for name in _weight_names(module)
        if uses[id(getattr(module, name))] == 1 and getattr(module, name).requires_grad
    ]
    found = found[int(keep_first) : len(found) - int(keep_last)]
    return [weight for weight in found if min(weight.rows, weight.columns) > 1]


def _weight_names(module: nn.Module) -> list[str]:
    if isinstance(module, nn.Linear | _ConvNd):
        return ["weight"]
    if isinstance(module, nn.MultiheadAttention):
        return [name for name in _ATTENTION_WEIGHTS if getattr(module, name) is not None]
    if isinstance(module, nn.RNNBase):
        return [name for name, _ in module.named_parameters() if name.startswith("weight_")]
    return []


def factorise_as_in(
    weights: Sequence[WeightMatrix], state: dict[str, Tensor], trained: int
) -> None:
    """Give the weights the factors, in shape, that they have in a model's state dict."""
    for weight in weights:
        owner = weight.key.removesuffix(weight.name)
        prefix = f"{owner}parametrizations.{weight.name}.original"
        saved = [value for key, value in sorted(state.items()) if key.startswith(prefix)]
        if saved:
            weight.factorise([torch.empty_like(value) for value in saved], trained=trained)


def dense_parameters(model: nn.Module, weights: Sequence[WeightMatrix]) -> int:
    """Number of the model's parameters if all its weights were whole."""
    saved = sum(
        sum(factor.numel() for factor in weight.factors) - weight.rows * weight.columns
        for weight in weights
        if weight.factored
    )
    stored = sum(parameter.numel() for parameter in model.parameters())
    return int(stored - saved)


def dense_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict of the model with all its weights whole."""
    state: dict[str, Tensor] = {}
    for path, module in model.named_modules():
        if isinstance(module, parametrize.ParametrizationList):
            owner, _, name = path.rpartition("parametrizations.")
            with torch.no_grad():
                state[owner + name] = module()
    whole = {
        key: value for key, value in model.state_dict().items() if "parametrizations." not in key
    }
    return whole | state


@dataclass(frozen=True)
class Decomposition:
    """W ≈ U diag(σ) Vᵀ with U [rows, r], σ [r] descending, Vᵀ [r, columns]."""

    left: Tensor
    values: Tensor
    right: Tensor


class Decomposer:
    """Singular value decompositions that agree on all ranks, and the seconds they took."""

    def __init__(self, communicator: Communicator) -> None:
        self._communicator = communicator
        self.seconds = 0.0

    @torch.no_grad()
    def __call__(
        self, matrices: Sequence[Tensor], keep: Callable[[Tensor], int]
    ) -> list[Decomposition]:
        """Decompose matrices [m, n] that are equal on all ranks; `keep` says from the singular
        values how many of them stay.

        Ranks take turns and send what they found, since singular vectors are unique only up to
        sign and rounding. Raises TrainingDiverged for a matrix that is not finite.
        """
        began = time.perf_counter()
        comm = self._communicator
        found: list[Decomposition] = []
        for position, matrix in enumerate(matrices):
            if not torch.isfinite(matrix).all():
                raise TrainingDiverged("a weight matrix is no longer finite")
            source = position % comm.world_size
            if source == comm.rank:
                full = Decomposition(*torch.linalg.svd(matrix, full_matrices=False))
            else:
                size = min(matrix.shape)
                full = Decomposition(
                    matrix.new_empty(matrix.shape[0], size),
                    matrix.new_empty(size),
                    matrix.new_empty(size, matrix.shape[1]),
                )
            comm.broadcast_([full.values], source=source, label="factors")
            rank = keep(full.values)
            cut = Decomposition(
                full.left[:, :rank].contiguous(),
                full.values[:rank].clone(),
                full.right[:rank].contiguous(),
            )
            comm.broadcast_([cut.left, cut.right], source=source, label="factors")
            found.append(cut)
        self.seconds += time.perf_counter() - began
        return found


def kept_rank(values: Tensor, cutoff: float) -> int:
    """How many of the descending singular values reach `cutoff` times the first; at least 1."""
    return max(1, int((values >= cutoff * values[0]).sum()))


def orthogonal_part(matrix: Tensor) -> Tensor:
    """U Vᵀ of a matrix [m, n], m ≥ n after transposing: where its singular bases point."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    left, _, right = torch.linalg.svd(tall, full_matrices=False)
    part: Tensor = left @ right
    return part


def basis_similarity(before: Tensor, after: Tensor) -> float:
    """Mean cosine between the columns of two orthogonal parts; 1 when the bases stood still."""
    return float(functional.cosine_similarity(before, after, dim=0).mean())


@contextmanager
def products_once(active: bool) -> Iterator[None]:
    """Compute every product once inside, however often a layer reads its weight."""
    if not active:
        yield
        return
    with parametrize.cached():
        yield
