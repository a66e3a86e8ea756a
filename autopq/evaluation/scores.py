"""Scores of quantile forecasts and of sample paths.

Shapes: y [n, H] targets, NaN where missing; quantiles [n, H, Q] at ascending levels [Q]. Pinball
loss, CRPS, energy score and interval score are proper: no forecaster gains by claiming another
distribution than the one it believes in (Gneiting and Raftery 2007).
"""

import numpy as np

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


def energy_score(y: Floats, samples: Floats) -> float:
    """Fair energy score of sample paths [n, S, H] over whole windows: it also judges the
    dependence between steps. Windows with a missing target are left out."""
    count = samples.shape[1]
    scores = []
    for truth, paths in zip(y, samples, strict=True):
        if not np.isfinite(truth).all():
            continue
        square = (paths**2).sum(axis=1)
        between = np.maximum(square[:, None] + square[None, :] - 2 * paths @ paths.T, 0.0)
        np.fill_diagonal(between, 0.0)
        spread = np.sqrt(between).sum() / (count * (count - 1))
        scores.append(np.linalg.norm(paths - truth, axis=1).mean() - spread / 2)
    return float(np.mean(scores)) if scores else float("nan")


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


def calibration_error(y: Floats, quantiles: Floats, levels: Floats) -> float:
    """Mean over levels of |P(y below the quantile) - level|, in [0, 1].

    Where several quantiles coincide with the target (solar power at night) the probability
    integral transform is uniform over their levels; its expectation is taken, so a right forecast
    of an atom scores zero and no random number is needed.
    """
    known = np.isfinite(y)
    targets, ordered = y[known], monotone(quantiles[known])
    padded = np.concatenate([[0.0], levels, [1.0]])
    below = (ordered < targets[:, None]).sum(axis=1)
    not_above = (ordered <= targets[:, None]).sum(axis=1)
    atom = not_above > below
    low = np.where(atom & (below > 0), padded[np.minimum(below + 1, len(levels))], padded[below])
    high = np.where(atom & (not_above < len(levels)), padded[not_above], padded[below + 1])
    high = np.where(atom & (not_above == len(levels)), 1.0, high)
    width = high - low
    errors = []
    for level in levels:
        inside = np.clip((level - low) / np.where(width > 0, width, 1.0), 0.0, 1.0)
        # A lone quantile met exactly is no atom: the transform is its level.
        reached = np.where(width > 0, inside, level >= low)
        errors.append(abs(float(reached.mean()) - float(level)))
    return float(np.mean(errors))


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


def _mean_loss(
    y: Floats, quantiles: Floats, levels: Floats, weights: Floats | None = None
) -> float:
    # Level by level: the full array of losses would be the largest of the whole evaluation.
    losses = np.array(
        [pinball(y, quantiles[:, [k]], levels[[k]]).mean() for k in range(len(levels))]
    )
    return float(losses.mean() if weights is None else losses @ weights)


def _at_percents(quantiles: Floats, levels: Floats) -> Floats:
    return interpolate(monotone(quantiles), levels, PERCENT_LEVELS)


def _interval(quantiles: Floats, levels: Floats, nominal: float) -> tuple[Floats, Floats]:
    tail = (1 - nominal) / 2
    ends = interpolate(quantiles, levels, [tail, 1 - tail])
    return ends[..., 0], ends[..., 1]
