"""Scores against closed forms: for a standard normal forecast and target most are known exactly."""

import math

import numpy as np
import pytest

from autopq.evaluation.grid import DENSE_LEVELS, PERCENT_LEVELS, normal_score
from autopq.evaluation.scores import (
    cell_widths,
    coverage,
    crossing_share,
    ensemble_crps_of_quantiles,
    evaluate,
    interval_score,
    mase,
    mean_pinball,
    peak_weighted_crps,
    pinball,
    pinball_by_level,
    quantile_crps,
    sample_crps,
    weighted_quantile_loss,
)

PUBLISHED_LEVELS = (
    np.array([1, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 99]) / 100
)


@pytest.fixture
def normal_targets():
    return np.random.default_rng(0).normal(size=(4000, 10))


def normal_quantiles(shape, levels, spread=1.0):
    return np.broadcast_to(spread * normal_score(levels), (*shape, len(levels)))


def test_pinball_weighs_misses_by_the_level():
    loss = pinball(np.array([10.0, 0.0]), np.array([[4.0, 4.0], [4.0, 4.0]]), np.array([0.5, 0.9]))
    assert loss == pytest.approx(np.array([[3.0, 5.4], [2.0, 0.4]]))


def test_degenerate_forecast_scores_its_absolute_error(normal_targets):
    y = normal_targets[:200]
    zero = np.zeros((*y.shape, len(PERCENT_LEVELS)))
    mae = np.abs(y).mean()
    assert quantile_crps(y, zero, PERCENT_LEVELS) == pytest.approx(mae, rel=0.02)
    assert sample_crps(y, np.zeros((len(y), 5, y.shape[1]))) == pytest.approx(mae, rel=1e-12)
    assert 2 * mean_pinball(y, zero, PERCENT_LEVELS) == pytest.approx(mae, rel=0.02)


def test_sample_crps_matches_the_normal_closed_form():
    y = 0.7
    density = math.exp(-y * y / 2) / math.sqrt(2 * math.pi)
    below = 0.5 * (1 + math.erf(y / math.sqrt(2)))
    exact = y * (2 * below - 1) + 2 * density - 1 / math.sqrt(math.pi)
    samples = normal_score((np.arange(20_000) + 0.5) / 20_000)[None, :, None]
    assert sample_crps(np.array([[y]]), samples) == pytest.approx(exact, abs=1e-3)


def test_sample_crps_is_unbiased_in_the_number_of_samples(normal_targets):
    y = normal_targets[:4000, :1]
    rng = np.random.default_rng(2)
    few = sample_crps(y, rng.normal(size=(4000, 10, 1)))
    many = sample_crps(y, rng.normal(size=(4000, 1000, 1)))
    assert few == pytest.approx(many, abs=0.01)


def every_normal_target(count=20_000):
    """[n, 1] targets that are a normal distribution to the last digit, rather than draws of it."""
    return normal_score((np.arange(count) + 0.5) / count)[:, None]


def test_quantile_crps_of_the_truth_and_its_minimiser():
    y = every_normal_target()
    at = {
        spread: quantile_crps(
            y, normal_quantiles(y.shape, PUBLISHED_LEVELS, spread), PUBLISHED_LEVELS
        )
        for spread in np.arange(0.9, 1.1, 0.01)
    }
    assert min(at, key=at.get) == pytest.approx(1.0, abs=0.02)
    assert at[min(at, key=at.get)] == pytest.approx(0.560, abs=0.002)


def test_cell_widths_of_the_published_levels():
    expected = [0.03, 0.045, *[0.05] * 4, 0.075, 0.1, 0.1, 0.1, 0.075, *[0.05] * 4, 0.045, 0.03]
    assert cell_widths(PUBLISHED_LEVELS) == pytest.approx(expected)


def test_mean_pinball_is_the_same_from_any_grid_that_holds_the_percents(normal_targets):
    y = normal_targets[:300]
    percents = mean_pinball(y, normal_quantiles(y.shape, PERCENT_LEVELS), PERCENT_LEVELS)
    dense = mean_pinball(y, normal_quantiles(y.shape, DENSE_LEVELS), DENSE_LEVELS)
    sparse = mean_pinball(y, normal_quantiles(y.shape, PUBLISHED_LEVELS), PUBLISHED_LEVELS)
    assert dense == pytest.approx(percents, rel=1e-12)
    # Linear in the normal score: a normal forecast is interpolated exactly.
    assert sparse == pytest.approx(percents, rel=1e-9)


def test_pinball_over_the_published_levels_of_the_truth():
    y = every_normal_target()
    quantiles = normal_quantiles(y.shape, PUBLISHED_LEVELS)
    losses = pinball_by_level(y, quantiles, PUBLISHED_LEVELS)
    assert 2 * losses.mean() == pytest.approx(0.486, abs=0.002)
    # Expected pinball loss of the true quantile of a normal: its density there.
    density = np.exp(-(normal_score(PUBLISHED_LEVELS) ** 2) / 2) / math.sqrt(2 * math.pi)
    assert losses == pytest.approx(density, abs=0.002)
    order = np.random.default_rng(5).permutation(len(PUBLISHED_LEVELS))
    shuffled = pinball_by_level(y, quantiles[..., order], PUBLISHED_LEVELS[order])
    assert shuffled.mean() == pytest.approx(losses.mean(), rel=1e-12)


def test_the_published_crps_rewards_too_narrow_forecasts():
    y = every_normal_target()

    def score(spread):
        return ensemble_crps_of_quantiles(y, normal_quantiles(y.shape, PUBLISHED_LEVELS, spread))

    assert score(1.0) == pytest.approx(0.576, abs=0.002)
    spreads = np.arange(0.7, 1.05, 0.01)
    best = spreads[np.argmin([score(spread) for spread in spreads])]
    assert best == pytest.approx(0.776, abs=0.02)


def test_weighted_quantile_loss_has_no_unit(normal_targets):
    y = normal_targets + 5
    quantiles = normal_quantiles(y.shape, PERCENT_LEVELS) + 5
    loss = weighted_quantile_loss(y, quantiles, PERCENT_LEVELS)
    expected = 2 * mean_pinball(y, quantiles, PERCENT_LEVELS) / np.abs(y).mean()
    assert loss == pytest.approx(expected)
    assert weighted_quantile_loss(1000 * y, 1000 * quantiles, PERCENT_LEVELS) == pytest.approx(loss)
    assert math.isnan(weighted_quantile_loss(0 * y, quantiles, PERCENT_LEVELS))


def test_peak_weighted_crps_counts_nothing_below_the_threshold_and_stays_proper(normal_targets):
    y, shape = normal_targets, normal_targets.shape
    right = normal_quantiles(shape, DENSE_LEVELS)
    assert peak_weighted_crps(y, right, DENSE_LEVELS, -50.0) == pytest.approx(
        quantile_crps(y, right, DENSE_LEVELS)
    )
    assert peak_weighted_crps(y, right, DENSE_LEVELS, 50.0) == 0.0
    # Forecasts that differ below the threshold alone are the same to it.
    low = np.where(right < 0.5, right - 3, right)
    per_window = np.full(len(y), 1.0)
    assert peak_weighted_crps(y, low, DENSE_LEVELS, per_window) == pytest.approx(
        peak_weighted_crps(y, right, DENSE_LEVELS, per_window)
    )
    at = {
        spread: peak_weighted_crps(y, spread * right, DENSE_LEVELS, 1.0)
        for spread in np.arange(0.8, 1.25, 0.05)
    }
    assert min(at, key=at.get) == pytest.approx(1.0, abs=0.051)


def test_coverage_and_interval_score_of_the_truth(normal_targets):
    quantiles = normal_quantiles(normal_targets.shape, DENSE_LEVELS)
    assert coverage(normal_targets, quantiles, DENSE_LEVELS, 0.9) == pytest.approx(0.9, abs=0.01)
    assert coverage(normal_targets, quantiles, DENSE_LEVELS, 0.5) == pytest.approx(0.5, abs=0.01)
    scores = {
        spread: interval_score(normal_targets, quantiles * spread, DENSE_LEVELS, 0.9)
        for spread in (0.8, 1.0, 1.25)
    }
    assert min(scores, key=scores.get) == 1.0


def test_interval_score_adds_the_miss_in_units_of_the_tail():
    y, levels = np.array([[12.0]]), np.array([0.05, 0.95])
    assert interval_score(y, np.array([[[0.0, 10.0]]]), levels, 0.9) == pytest.approx(10 + 20 * 2)


def test_crossing_share_counts_steps_not_levels():
    quantiles = np.array([[[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]])
    assert crossing_share(quantiles) == 0.5


def test_mase_divides_each_window_by_its_series_own_error():
    y = np.array([[1.0, 2.0], [10.0, np.nan]])
    assert mase(y, np.zeros((2, 2)), np.array([1.0, 10.0])) == pytest.approx((1 + 2 + 1) / 3)


def test_evaluate_leaves_missing_targets_out_and_ignores_crossings(normal_targets):
    y = normal_targets[:50].copy()
    quantiles = np.array(normal_quantiles(y.shape, DENSE_LEVELS))
    plain = evaluate(y[:25], quantiles[:25], DENSE_LEVELS, naive_mae=np.full(25, 2.0))
    y[25:] = np.nan
    quantiles[25:] = 1e9
    quantiles[:25] = quantiles[:25, :, ::-1]
    masked = evaluate(y, quantiles, DENSE_LEVELS, naive_mae=np.full(50, 2.0))
    assert masked.pop("crossing_share") == 1.0
    assert plain.pop("crossing_share") == 0.0
    assert masked == pytest.approx(plain)
    assert plain["mae"] == pytest.approx(np.abs(y[:25]).mean())
    assert plain["rmse"] == pytest.approx(np.sqrt((y[:25] ** 2).mean()))
    assert plain["mase"] == pytest.approx(plain["mae"] / 2)
    assert plain["bias"] == pytest.approx(-y[:25].mean())


def test_evaluate_without_a_known_target_is_an_error():
    with pytest.raises(ValueError, match="no known target"):
        evaluate(np.full((2, 3), np.nan), np.zeros((2, 3, 103)), DENSE_LEVELS)
