"""Levels between, on and beyond the dense grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopq.evaluation.grid import DENSE_LEVELS, empirical, interpolate, monotone, normal_score


def test_dense_levels_are_ascending_and_symmetric():
    assert len(DENSE_LEVELS) == 103
    assert (np.diff(DENSE_LEVELS) > 0).all()
    assert DENSE_LEVELS + DENSE_LEVELS[::-1] == pytest.approx(1.0)


def test_levels_of_the_grid_come_back_unchanged():
    quantiles = np.cumsum(np.random.default_rng(0).exponential(size=(3, 103)), axis=-1)
    wanted = [0.001, 0.07, 0.29, 0.57, 0.999]
    where = [int(np.argmin(np.abs(DENSE_LEVELS - level))) for level in wanted]
    assert (interpolate(quantiles, DENSE_LEVELS, wanted) == quantiles[:, where]).all()


@given(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=20))
def test_a_normal_distribution_is_interpolated_exactly_between_levels(levels):
    quantiles = 5 + 2 * normal_score(DENSE_LEVELS)
    expected = 5 + 2 * normal_score(levels)
    assert interpolate(quantiles, DENSE_LEVELS, levels) == pytest.approx(expected, abs=1e-9)


def test_levels_beyond_the_grid_get_its_ends():
    quantiles = np.arange(103.0)
    assert interpolate(quantiles, DENSE_LEVELS, [1e-5, 0.99999]) == pytest.approx([0.0, 102.0])


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_level_outside_the_open_unit_interval_is_refused(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        interpolate(np.arange(103.0), DENSE_LEVELS, [level])


def test_monotone_keeps_values_and_orders_them():
    assert (monotone(np.array([[3.0, 1.0, 2.0]])) == [[1.0, 2.0, 3.0]]).all()


def test_empirical_quantiles_do_not_pull_the_tails_inwards():
    samples = np.random.default_rng(1).normal(size=(4000, 100))
    tails = empirical(samples, [0.01, 0.5, 0.99]).mean(axis=0)
    assert tails == pytest.approx(normal_score([0.01, 0.5, 0.99]), abs=0.12)
    assert tails[2] - np.quantile(samples, 0.99, axis=-1).mean() > 0.1


def test_empirical_quantiles_of_one_sample_are_that_sample():
    assert (empirical(np.array([[4.0]]), [0.1, 0.9]) == [[4.0, 4.0]]).all()
