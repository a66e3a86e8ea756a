"""A small Transformer on digits, each whole Transformer block a black box of F³."""

import torch
from torch import Tensor, nn

from benchmarks.training.experiments import accuracy, digits, run_method
from benchmarks.training.f3 import VARIANTS, gap_table
from benchmarks.training.tables import Table
from training_methods import BlockSpec, TrainerConfig, create_loss

BLOCKS = 3


class PatchTransformer(nn.Module):
    """64 pixels as 16 patches of 2×2, embedded in 16 dimensions; attention, normalisation and
    residual connections stay inside a block, where they learn by backprop."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(4, width), nn.Tanh())
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(BLOCKS)
        )
        self.head = nn.Sequential(nn.Linear(16 * width, 64), nn.Tanh())
        self.last = nn.Linear(64, 10)
        self.position = nn.Parameter(0.1 * torch.randn(16, width))

    def forward(self, x: Tensor) -> Tensor:
        patches = x.view(-1, 4, 2, 4, 2).transpose(2, 3).reshape(-1, 16, 4)
        tokens = self.embed(patches)
        for number, block in enumerate(self.blocks):
            tokens = block(tokens + self.position if number == 0 else tokens)
        return self.last(self.head(tokens.flatten(1)))  # type: ignore[no-any-return]

    def block_spec(self) -> BlockSpec:
        names = ["embed", *(f"blocks.{i}" for i in range(BLOCKS)), "head", "last"]
        return BlockSpec(tuple(names))


def run(seeds: int) -> list[Table]:
    config = TrainerConfig(max_epochs=25, batch_size=50, learning_rate=1e-3)
    scores: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for name, (method, options) in VARIANTS.items():
        runs = [
            run_method(
                PatchTransformer, create_loss("cross_entropy"), digits(seed),
                lambda model, data: 1 - accuracy(model, data), config, seed, method, **options,
            )
            for seed in range(seeds)
        ]  # fmt: skip
        scores[name] = [r.score for r in runs]
        seconds[name] = [r.seconds for r in runs]
    title = f"digits, {BLOCKS} Transformer blocks as black boxes, test error"
    return [gap_table(title, scores, seconds)]
