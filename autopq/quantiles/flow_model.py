"""`FlowModel`: what all quantile models that sample a flow have in common."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from autopq.data.panel import Floats, Windows
from autopq.evaluation.grid import empirical
from autopq.quantiles.base import QuantileModel
from autopq.quantiles.latent import LatentDraws, chunks


@dataclass(frozen=True)
class Draws:
    """Sample paths of some windows as a function of the spread, all else fixed.

    Samples of several flows lie one behind the other. In units of the target a path is
    `center + size * sample`; each window's mean sample is first moved by the share `recentring`
    of the way to zero.
    """

    parts: tuple[LatentDraws, ...]
    center: Floats  # [n, 1 or H]
    size: Floats  # [n, 1 or H]
    recentring: float = 0.0

    def __len__(self) -> int:
        return len(self.center)

    @property
    def samples(self) -> int:
        """Paths a window."""
        return sum(len(part.noise) for part in self.parts)

    def chunks(self) -> list[slice]:
        return list(chunks(len(self), self.samples))

    def paths(self, spread: float, rows: slice) -> Floats:
        """[m, S, H] paths of some windows, in units of the target."""
        drawn: npt.NDArray[np.floating] = np.concatenate(
            [part.samples(spread, rows).numpy() for part in self.parts], axis=1
        )
        if self.recentring:
            drawn = drawn - self.recentring * drawn.mean(axis=1, keepdims=True)
        paths: Floats = self.center[rows, None, :] + self.size[rows, None, :] * drawn
        return paths

    def quantiles(self, spread: float, rows: slice, levels: Floats) -> Floats:
        """[m, H, Q] quantiles of those paths."""
        return empirical(np.moveaxis(self.paths(spread, rows), 1, -1), levels)


class FlowModel(QuantileModel):
    """A quantile model with a scalar `spread` on the latent noise, searched on validation data.

    Before the search the spread is the parameter `spread`.
    """

    has_spread = True
    training_stage = "cinn"
    # Where the search looks for the spread.
    spread_range: ClassVar[tuple[float, float]]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.spread = float(self.params["spread"])

    @property
    def training_method(self) -> str | None:
        method: str = self.params["training_method"]
        return method

    @property
    def quantile_paths(self) -> int:
        return int(self.params["paths"])

    @abstractmethod
    def draws(
        self, windows: Windows, points: Floats | None, paths: int, rng: np.random.Generator
    ) -> Draws:
        """Fix everything about sampling but the spread; same windows and generator state, same
        paths."""

    def sample(
        self, windows: Windows, points: Floats | None, paths: int, rng: np.random.Generator
    ) -> Floats:
        draws = self.draws(windows, points, paths, rng)
        parts = [draws.paths(self._chosen, rows) for rows in self._chunks(draws)]
        return np.concatenate(parts) if parts else np.empty((0, paths, windows.horizon))

    def quantiles(
        self, windows: Windows, points: Floats | None, levels: Floats, rng: np.random.Generator
    ) -> Floats:
        draws = self.draws(windows, points, self.quantile_paths, rng)
        parts = [draws.quantiles(self._chosen, rows, levels) for rows in self._chunks(draws)]
        return np.concatenate(parts) if parts else np.empty((0, windows.horizon, len(levels)))

    def _chunks(self, draws: Draws) -> Iterator[slice]:
        for rows in draws.chunks():
            self.check_stop()
            yield rows

    @property
    def _chosen(self) -> float:
        assert self.spread is not None
        return self.spread
