"""Scores of sample paths: they judge the dependence between steps, which quantiles of single
steps cannot show.

Shapes: y [n, H] targets, NaN where missing; samples [n, S, H] paths. Windows with a missing target
score NaN. The energy and the variogram score are proper; each has its blind side: the energy
score hardly sees a wrong correlation, the variogram score sees no common shift.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from autopq.evaluation.grid import PERCENT_LEVELS, Floats, empirical
from autopq.evaluation.scores import pinball

Aggregate = Literal["sum", "max", "ramp"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)

_ORDER = 0.5
_MAX_LAG = 24


def energy_scores(y: Floats, samples: Floats) -> Floats:
    """[n] fair energy score of each window's paths: unbiased in their number S >= 2 (Gneiting et
    al. 2008; the fair form as Ferro 2014). For one step it is the fair CRPS."""
    count = samples.shape[1]

    def score(truth: Floats, paths: Floats) -> float:
        square = (paths**2).sum(axis=1)
        between = np.maximum(square[:, None] + square[None, :] - 2 * paths @ paths.T, 0.0)
        np.fill_diagonal(between, 0.0)
        spread = np.sqrt(between).sum() / (count * (count - 1))
        return float(np.linalg.norm(paths - truth, axis=1).mean() - spread / 2)

    return _by_window(y, samples, score)


def variogram_scores(y: Floats, samples: Floats, max_lag: int = _MAX_LAG) -> Floats:
    """[n] variogram score of order 1/2 over all pairs of steps at most `max_lag` apart, each
    weighted by one over its lag (Scheuerer and Hamill 2015); a mean, in the target's units."""
    lags = range(1, min(max_lag, y.shape[1] - 1) + 1)

    def score(truth: Floats, paths: Floats) -> float:
        total = weights = 0.0
        for lag in lags:
            seen = np.abs(truth[lag:] - truth[:-lag]) ** _ORDER
            expected = (np.abs(paths[:, lag:] - paths[:, :-lag]) ** _ORDER).mean(axis=0)
            total += float(((seen - expected) ** 2).sum()) / lag
            weights += len(seen) / lag
        return total / weights if weights else 0.0

    return _by_window(y, samples, score)


def aggregate(values: Floats, how: Aggregate, block: int) -> Floats:
    """[..., B] of values [..., H] over consecutive blocks of `block` steps, such as days: their
    sum, their peak, or the largest change from one step to the next. A shorter last block counts
    as it is."""
    horizon = values.shape[-1]
    if how == "ramp":
        # The change into a block's first step belongs to the block before.
        values = np.abs(np.diff(values, axis=-1))
        if horizon < 2:
            return np.zeros((*values.shape[:-1], 1))
    starts = np.arange(0, values.shape[-1], block)
    reduce = np.add if how == "sum" else np.maximum
    blocks: Floats = reduce.reduceat(values, starts, axis=-1)
    return blocks


def aggregate_pinball(y: Floats, samples: Floats, how: Aggregate, block: int) -> Floats:
    """[n] mean pinball loss over the levels 0.01 to 0.99 of the quantiles that the paths give
    for an aggregate, in its units."""

    def score(truth: Floats, paths: Floats) -> float:
        seen = aggregate(truth, how, block)
        quantiles = empirical(aggregate(paths, how, block).T, PERCENT_LEVELS)
        return float(pinball(seen, quantiles, PERCENT_LEVELS).mean())

    return _by_window(y, samples, score)


def _by_window(y: Floats, samples: Floats, score: Callable[[Floats, Floats], float]) -> Floats:
    scores = np.full(len(y), np.nan)
    for i in np.flatnonzero(np.isfinite(y).all(axis=1)):
        scores[i] = score(y[i], samples[i])
    return scores
