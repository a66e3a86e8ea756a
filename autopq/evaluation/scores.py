"""Scores of quantile forecasts; those of sample paths are in `path_scores`.

Shapes: y [n, H] targets, NaN where missing; quantiles [n, H, Q] at ascending levels [Q]. Pinball
loss, CRPS, its peak-weighted form and interval score are proper: no forecaster gains by claiming
another distribution than the one it believes in (Gneiting and Raftery 2007).
"""

import numpy as np

from autopq.evaluation.calibration import calibration_error
from autopq.evaluation.grid import PERCENT_LEVELS, Floats, interpolate, monotone


def pinball(y: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """[..., Q] pinball loss of each quantile; at level 1/2 it is half the absolute error."""
    error = y[..., None] - quantiles
    loss: Floats = np.maximum(levels * error, (levels - 1) * error)
    return loss


def mean_pinball(y: Floats, quantiles: Floats, levels: Floats) -> float:
    """Mean pinball loss over the levels 0.01, 0.02, ..., 0.99 and all known targets."""
    known = np.isfinite(y)
    return _mean_loss(y[known], _at_percents(quantiles[known], levels), PERCENT_LEVELS)


def quantile_crps(y: Floats, quantiles: Floats, levels: Floats) -> float:
    """Continuous ranked probability score from quantiles: twice the pinball loss integrated over
    the level, each level weighted by the width of its cell.

    The weights make it proper on a level grid that is denser in the tails, where a plain mean
    over levels (or an ensemble formula over quantiles) rewards too narrow forecasts.
    """
    known = np.isfinite(y)
    return 2 * _mean_loss(y[known], quantiles[known], levels, cell_widths(levels))


def pinball_by_level(y: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """[Q] mean pinball loss of each quantile over all known targets."""
    known = np.isfinite(y)
    return _losses(y[known], quantiles[known], levels)


def weighted_quantile_loss(y: Floats, quantiles: Floats, levels: Floats) -> float:
    """Twice the summed pinball loss over the summed absolute target, meaned over the levels: free
    of units, so that series may be compared (Salinas et al. 2020). NaN when every target is 0."""
    known = np.isfinite(y)
    size = float(np.abs(y[known]).mean())
    if size == 0:
        return float("nan")
    return 2 * float(_losses(y[known], quantiles[known], levels).mean()) / size


def peak_weighted_crps(
    y: Floats, quantiles: Floats, levels: Floats, threshold: Floats | float
) -> float:
    """CRPS that counts only what lies above `threshold` (a number, or [n] one a window).

    The threshold-weighted CRPS of Gneiting and Ranjan 2011: other than a mean over the windows
    whose target turned out high, it stays proper. Both sides are censored at the threshold.
    """
    low = np.broadcast_to(np.reshape(threshold, (-1, 1)), y.shape)
    return quantile_crps(np.maximum(y, low), np.maximum(quantiles, low[..., None]), levels)


def ensemble_crps_of_quantiles(y: Floats, quantiles: Floats) -> float:
    """CRPS as the published AutoPQ computes it: quantiles taken for equally likely members.

    Not proper: on levels that are denser in the tails it rewards too narrow forecasts. It is here
    so that published figures can be compared with, never to choose by.
    """
    known = np.isfinite(y)
    found = quantiles[known]
    count = found.shape[-1]
    sign = 2 * np.arange(count) - (count - 1)
    spread = np.sort(found, axis=-1) @ sign / count**2
    return float((np.abs(found - y[known][:, None]).mean(axis=-1) - spread).mean())


def cell_widths(levels: Floats) -> Floats:
    """[Q] share of (0, 1) nearest to each level; sums to 1."""
    borders = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    return np.diff(borders)


def sample_crps(y: Floats, samples: Floats) -> float:
    """Fair CRPS of samples [n, S, H]: unbiased in the number S >= 2 of samples (Ferro 2014)."""
    count = samples.shape[1]
    ordered = np.sort(samples, axis=1)
    distance = np.abs(ordered - y[:, None, :]).mean(axis=1)
    # Sum over i < j of x_(j) - x_(i), by how often each order statistic comes with which sign.
    sign = 2 * np.arange(count) - (count - 1)
    spread = np.einsum("s,nsh->nh", sign.astype(float), ordered) / (count * (count - 1))
    return float(np.nanmean(distance - spread))


def coverage(y: Floats, quantiles: Floats, levels: Floats, nominal: float) -> float:
    """Share of known targets inside the central interval of the nominal probability."""
    known = np.isfinite(y)
    lower, upper = _interval(quantiles[known], levels, nominal)
    return float(((y[known] >= lower) & (y[known] <= upper)).mean())


def interval_score(y: Floats, quantiles: Floats, levels: Floats, nominal: float) -> float:
    """Width of the central interval plus 2/(1 - nominal) times the miss beyond it."""
    known = np.isfinite(y)
    lower, upper = _interval(quantiles[known], levels, nominal)
    miss = np.maximum(lower - y[known], 0) + np.maximum(y[known] - upper, 0)
    return float((upper - lower + 2 / (1 - nominal) * miss).mean())


def crossing_share(quantiles: Floats) -> float:
    """Share of (window, step) in which a quantile falls as its level rises."""
    return float((np.diff(quantiles, axis=-1) < 0).any(axis=-1).mean())


def mase(y: Floats, forecast: Floats, naive_mae: Floats) -> float:
    """Mean absolute error over each window's `naive_mae` [n], the in-sample error of the seasonal
    naive forecast of its series (Hyndman and Koehler 2006)."""
    return float(np.nanmean(np.abs(y - forecast) / naive_mae[:, None]))


def evaluate(
    y: Floats, quantiles: Floats, levels: Floats, naive_mae: Floats | None = None
) -> dict[str, float]:
    """Every score of a quantile forecast, as means over known targets; lower is better but for
    the coverages (right at their nominal value) and `bias` (median minus target, right at 0).

    `mase` is there when `naive_mae` is given. Raises ValueError when no target is known.
    """
    known = np.isfinite(y)
    if not known.any():
        raise ValueError("no known target to score")
    targets, found = y[known], monotone(quantiles[known])
    median = interpolate(found, levels, [0.5])[:, 0]
    mean = found @ cell_widths(levels)
    lower, upper = _interval(found, levels, 0.9)
    scores = {
        "mean_pinball": mean_pinball(targets, found, levels),
        "crps": quantile_crps(targets, found, levels),
        "weighted_quantile_loss": _percents_weighted(targets, found, levels),
        "mae": float(np.abs(targets - median).mean()),
        "rmse": float(np.sqrt(((targets - mean) ** 2).mean())),
        "bias": float((median - targets).mean()),
        "coverage_50": coverage(targets, found, levels, 0.5),
        "coverage_80": coverage(targets, found, levels, 0.8),
        "coverage_90": coverage(targets, found, levels, 0.9),
        "width_90": float((upper - lower).mean()),
        "interval_score_90": interval_score(targets, found, levels, 0.9),
        "calibration_error": calibration_error(targets, found, levels),
        "crossing_share": crossing_share(quantiles[known]),
    }
    if naive_mae is not None:
        medians = np.full_like(y, np.nan)
        medians[known] = median
        scores["mase"] = mase(y, medians, naive_mae)
    return scores


def _percents_weighted(y: Floats, quantiles: Floats, levels: Floats) -> float:
    return weighted_quantile_loss(y, _at_percents(quantiles, levels), PERCENT_LEVELS)


def _mean_loss(
    y: Floats, quantiles: Floats, levels: Floats, weights: Floats | None = None
) -> float:
    losses = _losses(y, quantiles, levels)
    return float(losses.mean() if weights is None else losses @ weights)


def _losses(y: Floats, quantiles: Floats, levels: Floats) -> Floats:
    # Level by level: the full array of losses would be the largest of the whole evaluation.
    return np.array([pinball(y, quantiles[:, [k]], levels[[k]]).mean() for k in range(len(levels))])


def _at_percents(quantiles: Floats, levels: Floats) -> Floats:
    return interpolate(monotone(quantiles), levels, PERCENT_LEVELS)


def _interval(quantiles: Floats, levels: Floats, nominal: float) -> tuple[Floats, Floats]:
    tail = (1 - nominal) / 2
    ends = interpolate(quantiles, levels, [tail, 1 - tail])
    return ends[..., 0], ends[..., 1]
