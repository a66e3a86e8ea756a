"""Blocks: where a model may be cut, so that methods need no surgery on it."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

BlockKind = Literal["chain", "additive", "flow"]


@dataclass(frozen=True)
class BlockSpec:
    """The ordered blocks of a model that a method treats as black boxes.

    A block is named by the submodule that gives its output; whatever the model computes between
    two such outputs belongs to the latter. Each named submodule is called exactly once a forward
    pass. `kind` says how blocks are joined:

    - `chain`: each block's output tensor [n, ...] is the next one's input; the last block gives
      the model's output.
    - `additive`: each block returns (backcast, forecast); the model's output is the sum of the
      forecasts, the input of the next block the residual of the backcasts (N-BEATS, N-HiTS).
    - `flow`: each block maps (u [n, D], *condition) to (u' [n, D], log_det [n]); the model
      returns the last u' and the sum of log_det.
    """

    names: tuple[str, ...]
    kind: BlockKind = "chain"

    def modules(self, model: nn.Module) -> list[nn.Module]:
        return [model.get_submodule(name) for name in self.names]


def blocks_of(model: nn.Module) -> BlockSpec | None:
    """The model's own `block_spec()`; for a plain `nn.Sequential` one block a parametrised layer
    (cut in front of every further one); None when neither applies."""
    declared = getattr(model, "block_spec", None)
    if callable(declared):
        spec = declared()
        if not isinstance(spec, BlockSpec):
            raise TypeError(f"{type(model).__name__}.block_spec() must return a BlockSpec")
        return spec
    if isinstance(model, nn.Sequential):
        return _sequential_blocks(model)
    return None


def _sequential_blocks(model: nn.Sequential) -> BlockSpec | None:
    """A block's name is its last module: there the output may be cut before the next layer."""
    children = list(model.named_children())
    names: list[str] = []
    filled = False
    for position, (name, child) in enumerate(children):
        filled = filled or any(True for _ in child.parameters())
        following = children[position + 1 :]
        starts_new = not following or any(True for _ in following[0][1].parameters())
        if filled and starts_new:
            names.append(name)
            filled = False
    return BlockSpec(tuple(names)) if names else None
