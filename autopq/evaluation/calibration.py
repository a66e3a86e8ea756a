"""Calibration: do targets fall below a quantile as often as its level says?

Everything here rests on the probability integral transform (PIT): the level at which the forecast
distribution meets the target, uniform on (0, 1) for a calibrated forecast. Where several quantiles
coincide with the target (solar power at night) it is uniform over their levels, the randomised
PIT; expectations are taken wherever no single values are asked for, so no random number is needed
and a right forecast of an atom counts as calibrated (Czado, Gneiting and Held 2009).

Shapes: y [n, H] targets, NaN where missing; quantiles [n, H, Q] at ascending levels [Q].
"""

import numpy as np

from autopq.evaluation.grid import Floats, monotone


def pit_bounds(y: Floats, quantiles: Floats, levels: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest level, each shaped as y, at which the distribution meets the target; NaN
    where it is missing. They differ by a cell of the level grid, or by the mass of an atom."""
    low, high = np.full(y.shape, np.nan), np.full(y.shape, np.nan)
    known = np.isfinite(y)
    low[known], high[known] = _bounds(y[known], monotone(quantiles[known]), levels)
    return low, high


def randomised_pit(
    y: Floats, quantiles: Floats, levels: Floats, rng: np.random.Generator
) -> Floats:
    """PIT values shaped as y, one draw each between its bounds; NaN where y is missing."""
    low, high = pit_bounds(y, quantiles, levels)
    values: Floats = low + (high - low) * rng.random(y.shape)
    return values


def pit_histogram(y: Floats, quantiles: Floats, levels: Floats, bins: int = 10) -> Floats:
    """[bins] share of PIT values in equal bins of (0, 1), in expectation over their randomness;
    each is 1 / bins when calibrated, and they sum to 1."""
    low, high = (bound[np.isfinite(bound)] for bound in pit_bounds(y, quantiles, levels))
    reached = _reached(low, high, np.linspace(0, 1, bins + 1))
    # A lone quantile met at the very edge of a bin belongs to the bin it closes.
    reached[0] = 0.0
    return np.diff(reached)


def reliability(y: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """[Q] share of known targets below each quantile: the level itself when calibrated."""
    low, high = (bound[np.isfinite(bound)] for bound in pit_bounds(y, quantiles, levels))
    return _reached(low, high, levels)


def calibration_error(y: Floats, quantiles: Floats, levels: Floats) -> float:
    """Mean over levels of |P(y below the quantile) - level|, in [0, 1]; the MAQD of AutoPQ, but
    right for atoms."""
    return float(np.abs(reliability(y, quantiles, levels) - levels).mean())


def _bounds(y: Floats, quantiles: Floats, levels: Floats) -> tuple[Floats, Floats]:
    """Of known targets [n] and ordered quantiles [n, Q]."""
    padded = np.concatenate([[0.0], levels, [1.0]])
    below = (quantiles < y[:, None]).sum(axis=1)
    not_above = (quantiles <= y[:, None]).sum(axis=1)
    atom = not_above > below
    low = np.where(atom & (below > 0), padded[np.minimum(below + 1, len(levels))], padded[below])
    high = np.where(atom & (not_above < len(levels)), padded[not_above], padded[below + 1])
    high = np.where(atom & (not_above == len(levels)), 1.0, high)
    return low, high


def _reached(low: Floats, high: Floats, at: Floats) -> Floats:
    """Expected share of values, uniform between their bounds, that do not exceed each of `at`."""
    width = high - low
    spread = width > 0
    divisor = np.where(spread, width, 1.0)
    shares = np.empty(len(at))
    for i, level in enumerate(at):
        inside = np.clip((level - low) / divisor, 0.0, 1.0)
        # A lone quantile met exactly is no atom: the transform is its level.
        shares[i] = np.where(spread, inside, level >= low).mean()
    return shares
