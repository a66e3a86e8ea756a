"""Calibration of forecasts whose errors are known."""

import numpy as np
import pytest

from autopq.evaluation.calibration import (
    calibration_error,
    pit_histogram,
    randomised_pit,
    reliability,
)
from autopq.evaluation.grid import DENSE_LEVELS, normal_score


@pytest.fixture
def normal_targets():
    return np.random.default_rng(0).normal(size=(4000, 10))


def normal_quantiles(shape, levels, spread=1.0):
    return np.broadcast_to(spread * normal_score(levels), (*shape, len(levels)))


def test_calibration_error_tells_right_from_too_narrow(normal_targets):
    quantiles = normal_quantiles(normal_targets.shape, DENSE_LEVELS)
    assert calibration_error(normal_targets, quantiles, DENSE_LEVELS) < 0.01
    assert calibration_error(normal_targets, quantiles * 0.5, DENSE_LEVELS) > 0.05
    assert calibration_error(normal_targets + 1, quantiles, DENSE_LEVELS) > 0.15


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_calibration_error_of_a_right_forecast_with_an_atom_is_small(normal_targets, side):
    y = side * np.maximum(normal_targets, 0.0)
    quantiles = np.sort(side * np.maximum(normal_quantiles(y.shape, DENSE_LEVELS), 0.0), axis=-1)
    assert calibration_error(y, quantiles, DENSE_LEVELS) < 0.01


def test_reliability_of_a_shifted_forecast_is_known(normal_targets):
    quantiles = normal_quantiles(normal_targets.shape, DENSE_LEVELS)
    right = reliability(normal_targets, quantiles, DENSE_LEVELS)
    assert right == pytest.approx(DENSE_LEVELS, abs=0.01)
    # A forecast too low by the distance between two of its own levels is off by those levels.
    shift = normal_score([0.9])[0]
    low = reliability(normal_targets + shift, quantiles, DENSE_LEVELS)
    at_90 = int(np.argmin(np.abs(DENSE_LEVELS - 0.9)))
    assert low[at_90] == pytest.approx(0.5, abs=0.01)


def test_pit_is_uniform_for_the_truth_and_humped_or_hollow_otherwise(normal_targets):
    quantiles = normal_quantiles(normal_targets.shape, DENSE_LEVELS)
    assert pit_histogram(normal_targets, quantiles, DENSE_LEVELS) == pytest.approx(0.1, abs=0.01)
    narrow = pit_histogram(normal_targets, 0.5 * quantiles, DENSE_LEVELS)
    wide = pit_histogram(normal_targets, 2.0 * quantiles, DENSE_LEVELS)
    assert narrow[0] > 0.2 > 0.05 > wide[0]
    assert narrow.sum() == pytest.approx(1.0)
    assert wide.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("atom", [0.0, 0.7])
def test_randomised_pit_is_uniform_where_the_target_has_an_atom(normal_targets, atom):
    y = np.maximum(normal_targets, atom)
    quantiles = np.maximum(normal_quantiles(y.shape, DENSE_LEVELS), atom)
    rng = np.random.default_rng(4)
    values = randomised_pit(y, quantiles, DENSE_LEVELS, rng)
    shares, _ = np.histogram(values, bins=20, range=(0, 1))
    assert shares / values.size == pytest.approx(0.05, abs=0.01)
    assert pit_histogram(y, quantiles, DENSE_LEVELS, 20) == pytest.approx(0.05, abs=0.01)
    again = randomised_pit(y, quantiles, DENSE_LEVELS, np.random.default_rng(4))
    np.testing.assert_array_equal(values, again)


def test_a_missing_target_has_no_pit(normal_targets):
    y = normal_targets[:5].copy()
    y[2, 3] = np.nan
    quantiles = normal_quantiles(y.shape, DENSE_LEVELS)
    values = randomised_pit(y, quantiles, DENSE_LEVELS, np.random.default_rng(0))
    assert np.isnan(values).sum() == 1
    assert np.isnan(values[2, 3])
    assert np.isfinite(reliability(y, quantiles, DENSE_LEVELS)).all()
