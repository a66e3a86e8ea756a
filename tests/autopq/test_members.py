"""Values at and beside physical limits."""

import numpy as np

from autopq import TaskConfig
from autopq.members import clip

BETWEEN = TaskConfig(horizon=1, lower=0, upper=2)


def test_values_beyond_a_limit_lie_on_it():
    np.testing.assert_array_equal(clip(np.array([-1.0, 1.0, 3.0]), BETWEEN), [0.0, 1.0, 2.0])
    above = TaskConfig(horizon=1, lower=0)
    np.testing.assert_array_equal(clip(np.array([-1.0, 3.0]), above), [0.0, 3.0])
    np.testing.assert_array_equal(clip(np.array([-1.0]), TaskConfig(horizon=1)), [-1.0])


def test_a_hair_beside_one_of_two_limits_is_the_limit():
    close = np.array([1e-9, 0.0019, 0.0021, 1.9979, 1.9981])
    np.testing.assert_array_equal(clip(close, BETWEEN), [0.0, 0.0, 0.0021, 1.9979, 2.0])


def test_without_a_range_there_is_no_hair():
    above = TaskConfig(horizon=1, lower=0)
    np.testing.assert_array_equal(clip(np.array([1e-9]), above), [1e-9])
