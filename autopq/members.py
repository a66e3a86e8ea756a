"""Members of a fitted model and how their distributions become one.

Quantiles are averaged level by level (Vincentization): other than a mixture of densities, the
average of sharp, shifted distributions stays sharp.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autopq.data.panel import Floats, Windows
from autopq.evaluation.grid import DENSE_LEVELS, interpolate, monotone
from autopq.forecasters.base import PointForecaster
from autopq.quantiles.base import QuantileModel
from autopq.task import TaskConfig

# Of the width of the forecast distribution.
_HAIR = 1e-3


@dataclass(frozen=True)
class Member:
    """A fitted quantile model with the point forecaster it stands on, if it needs one."""

    forecaster: PointForecaster | None
    quantile_model: QuantileModel
    weight: float

    def points(self, windows: Windows, config: TaskConfig) -> Floats | None:
        """[n, H] point forecasts inside the physical limits; None without a forecaster."""
        return None if self.forecaster is None else clip(self.forecaster.predict(windows), config)


def clip(values: Floats, config: TaskConfig) -> Floats:
    """Values inside the physical limits of the task."""
    if config.lower is None and config.upper is None:
        return values
    return np.clip(values, config.lower, config.upper)


def within_limits(quantiles: Floats, config: TaskConfig) -> Floats:
    """[n, H, Q] ascending quantiles inside the physical limits, those next to a limit on it.

    Averages and interpolations end a hair above a limit on which the target itself stands still
    (wind power in a calm), and an interval that misses it by a hair misses it.
    """
    inside = clip(quantiles, config)
    hair = _HAIR * (inside[..., -1:] - inside[..., :1])
    if config.lower is not None:
        inside = np.where(inside <= config.lower + hair, config.lower, inside)
    if config.upper is not None:
        inside = np.where(inside >= config.upper - hair, config.upper, inside)
    return inside


def dense_quantiles(
    model: QuantileModel,
    windows: Windows,
    points: Floats | None,
    config: TaskConfig,
    rng: np.random.Generator,
) -> Floats:
    """[n, H, Q] quantiles on the dense grid, ascending and inside the physical limits."""
    return within_limits(monotone(model.quantiles(windows, points, DENSE_LEVELS, rng)), config)


def averaged(quantiles: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """[n, H, Q] weighted mean of quantiles, level by level; weights sum to 1."""
    total = np.zeros_like(quantiles[0])
    for part, weight in zip(quantiles, weights, strict=True):
        total += weight * part
    return total


def with_marginals(paths: Floats, quantiles: Floats) -> npt.NDArray[np.float32]:
    """[n, S, H] paths whose values at each step follow `quantiles` [n, H, Q] and whose order is
    that of `paths` [n, S, H]: dependence from the one, marginals from the other (Schaake shuffle,
    Clark et al. 2004)."""
    n, count, horizon = paths.shape
    levels = (np.arange(count) + 0.5) / count
    ranks = paths.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    out = np.empty((n, count, horizon), np.float32)
    for i in range(n):
        values = interpolate(quantiles[i], DENSE_LEVELS, levels)  # [H, S]
        out[i] = np.take_along_axis(values, ranks[i].T, axis=1).T
    return out
