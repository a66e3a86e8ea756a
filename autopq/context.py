"""What every fit of the library is given besides data: randomness, device, ears."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from autopq.errors import Stopped
from autopq.observer import Observer
from training_methods.distributed import LocalRanks, RankLauncher

if TYPE_CHECKING:
    from autopq.forecasters.representation import Views


@dataclass(frozen=True)
class FitContext:
    """Passed down from the pipeline to forecasters and quantile models.

    Random streams are derived from the seed and a label, so that a fit gives the same result
    whichever other fits ran before it.
    """

    seed: int
    observer: Observer
    device: torch.device
    # How row-wise models see the series, where that was chosen once for all of them.
    views: "Views | None" = None
    # Takes a fit's loss on validation data while it goes on, at points that are the same for all
    # settings of a component. Raises Pruned where the fit should end.
    report: Callable[[float], None] = lambda _: None
    # Who starts the processes on which a network is trained together.
    ranks: RankLauncher = field(default_factory=LocalRanks)

    def generator(self, label: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(label.encode())])

    def torch_generator(self, label: str) -> torch.Generator:
        """A CPU generator; draws are moved to the device, so both devices see the same numbers."""
        return torch.Generator().manual_seed(int(self.generator(label).integers(2**62)))

    def check_stop(self) -> None:
        if self.observer.should_stop():
            raise Stopped("stopped on request")
