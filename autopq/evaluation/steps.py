"""Scores of every single value, to be averaged by window, by step ahead or by series.

Shapes: y [n, H] targets, NaN where missing; quantiles [n, H, Q] at ascending levels [Q]; each
score is [n, H], NaN where the target is missing.
"""

import numpy as np

from autopq.evaluation.grid import PERCENT_LEVELS, Floats, interpolate, monotone
from autopq.evaluation.scores import cell_widths, pinball

COVERED = (0.5, 0.8, 0.9)


def step_scores(y: Floats, quantiles: Floats, levels: Floats) -> dict[str, Floats]:
    """The parts of `scores.evaluate` that are means over values, by the same names."""
    found = monotone(quantiles)
    percents = interpolate(found, levels, PERCENT_LEVELS)
    median = interpolate(found, levels, [0.5])[..., 0]
    scores = {
        "mean_pinball": _loss(y, percents, PERCENT_LEVELS, np.full(99, 1 / 99)),
        "crps": 2 * _loss(y, found, levels, cell_widths(levels)),
        "mae": np.abs(y - median),
        "bias": median - y,
    }
    for nominal in COVERED:
        tail = (1 - nominal) / 2
        ends = interpolate(found, levels, [tail, 1 - tail])
        lower, upper = ends[..., 0], ends[..., 1]
        name = f"{round(100 * nominal)}"
        inside = ((y >= lower) & (y <= upper)).astype(np.float64)
        miss = np.maximum(lower - y, 0) + np.maximum(y - upper, 0)
        scores[f"coverage_{name}"] = inside
        scores[f"width_{name}"] = upper - lower
        scores[f"interval_score_{name}"] = upper - lower + 2 / (1 - nominal) * miss
    unknown = ~np.isfinite(y)
    return {name: np.where(unknown, np.nan, values) for name, values in scores.items()}


def peak_weighted_crps_steps(
    y: Floats, quantiles: Floats, levels: Floats, threshold: Floats
) -> Floats:
    """[n, H] CRPS above each window's `threshold` [n] (see `scores.peak_weighted_crps`)."""
    low = threshold[:, None]
    censored = np.maximum(monotone(quantiles), low[..., None])
    return 2 * _loss(np.maximum(y, low), censored, levels, cell_widths(levels))


def _loss(y: Floats, quantiles: Floats, levels: Floats, weights: Floats) -> Floats:
    """[n, H] weighted sum of the pinball losses; level by level, to spare memory."""
    total = np.zeros_like(y)
    for k, weight in enumerate(weights):
        total += weight * pinball(y, quantiles[..., [k]], levels[[k]])[..., 0]
    return total
