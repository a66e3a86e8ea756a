"""The dense grid of quantile levels forecasts are kept on, and the way from it to any level.

Between two levels a quantile is linear in the normal score of the level: exact for a normal
distribution, and kinder to tails than linear in the level itself.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PERCENT_LEVELS: Floats = np.round(np.arange(1, 100) / 100, 2)
DENSE_LEVELS: Floats = np.concatenate([[0.001, 0.005], PERCENT_LEVELS, [0.995, 0.999]])

_SAME_LEVEL = 1e-9


def normal_score(levels: Floats | Sequence[float]) -> Floats:
    """The standard normal quantile of each level."""
    return np.array([NormalDist().inv_cdf(float(level)) for level in np.ravel(levels)])


def interpolate(quantiles: Floats, grid: Floats, levels: Floats | Sequence[float]) -> Floats:
    """[..., Q] quantiles at `levels` from [..., G] quantiles at the ascending `grid`.

    Levels beyond the grid get its outermost quantile: a tail nobody estimated is not invented.
    Raises ValueError for a level outside (0, 1).
    """
    wanted = np.asarray(levels, float)
    if not ((wanted > 0) & (wanted < 1)).all():
        raise ValueError("quantile levels must lie between 0 and 1, both excluded")
    if len(grid) == 1:
        return np.repeat(quantiles, len(wanted), axis=-1)
    if wanted.shape == np.shape(grid) and np.allclose(wanted, grid, rtol=0, atol=_SAME_LEVEL):
        return quantiles
    at, score = normal_score(grid), normal_score(wanted)
    left = np.clip(np.searchsorted(grid, wanted + _SAME_LEVEL) - 1, 0, len(grid) - 2)
    weight = np.clip((score - at[left]) / (at[left + 1] - at[left]), 0.0, 1.0)
    on_left = np.isclose(wanted, np.asarray(grid)[left], rtol=0, atol=_SAME_LEVEL)
    weight = np.where(on_left, 0.0, weight)
    interpolated: Floats = quantiles[..., left] * (1 - weight) + quantiles[..., left + 1] * weight
    return interpolated


def monotone(quantiles: Floats) -> Floats:
    """`quantiles` [..., Q] without crossings: sorted over levels, which never worsens their
    pinball loss (Chernozhukov, Fernández-Val and Galichon 2010)."""
    return np.sort(quantiles, axis=-1)


def empirical(samples: npt.NDArray[np.floating], levels: Floats | Sequence[float]) -> Floats:
    """[..., Q] quantiles of the samples along the last axis [..., S].

    The position of level p is pS - 1/2 (Hazen): other than the usual p(S - 1) it does not pull
    outer quantiles inwards when there are few samples.
    """
    ordered = np.sort(samples, axis=-1)
    count = ordered.shape[-1]
    position = np.clip(np.asarray(levels, float) * count - 0.5, 0, count - 1)
    left = np.minimum(position.astype(np.int64), max(count - 2, 0))
    right = np.minimum(left + 1, count - 1)
    weight = position - left
    low = ordered[..., left].astype(np.float64)
    quantiles: Floats = low + (ordered[..., right] - low) * weight
    return quantiles
