"""A small Transformer on digits, each whole Transformer block a black box of F³."""

import torch
from torch import Tensor, nn

from benchmarks.training.experiments import digits, test_error
from benchmarks.training.f3 import gap_table
from benchmarks.training.tables import Table
from training_methods import BlockSpec, TrainerConfig, create_loss

BLOCKS, TOKENS, WIDTH = 4, 16, 16


class PatchTransformer(nn.Module):
    """The paper's arrangement, smaller: patches of 2×2 pixels, embedded together by one linear map
    into 16 tokens of 16 dimensions; Transformer blocks in which attention, normalisation and
    residual connections stay inside, where they learn by backprop; a tanh layer; a linear one."""

    def __init__(self) -> None:
        super().__init__()
        flat = TOKENS * WIDTH
        self.embed = nn.Linear(64, flat)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, 4, 2 * WIDTH, dropout=0.0, activation=torch.tanh, batch_first=True,
                norm_first=True,
            )
            for _ in range(BLOCKS)
        )  # fmt: skip
        self.head = nn.Sequential(nn.Linear(flat, flat), nn.Tanh())
        self.last = nn.Linear(flat, 10)

    def forward(self, x: Tensor) -> Tensor:
        patches = x.view(-1, 4, 2, 4, 2).transpose(2, 3).flatten(1)
        tokens = self.embed(patches).view(-1, TOKENS, WIDTH)
        for block in self.blocks:
            tokens = block(tokens)
        return self.last(self.head(tokens.flatten(1)))  # type: ignore[no-any-return]

    def block_spec(self) -> BlockSpec:
        return BlockSpec(("embed", *(f"blocks.{i}" for i in range(BLOCKS)), "head", "last"))


def run(seeds: int) -> list[Table]:
    return [
        gap_table(
            f"digits, {BLOCKS} Transformer blocks as black boxes, test error",
            PatchTransformer,
            create_loss("cross_entropy"),
            digits,
            test_error,
            TrainerConfig(max_epochs=40, batch_size=100, learning_rate=3e-3),
            seeds,
        )
    ]
