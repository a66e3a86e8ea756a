"""Values at and beside physical limits."""

import numpy as np
import pytest

from autopq import TaskConfig
from autopq.members import clip, within_limits

BETWEEN = TaskConfig(horizon=1, lower=0, upper=2)


def test_values_beyond_a_limit_lie_on_it():
    np.testing.assert_array_equal(clip(np.array([-1.0, 1.0, 3.0]), BETWEEN), [0.0, 1.0, 2.0])
    above = TaskConfig(horizon=1, lower=0)
    np.testing.assert_array_equal(clip(np.array([-1.0, 3.0]), above), [0.0, 3.0])
    np.testing.assert_array_equal(clip(np.array([-1.0]), TaskConfig(horizon=1)), [-1.0])


def test_quantiles_a_hair_beside_a_limit_lie_on_it():
    calm = np.array([[[1e-9, 0.0004, 0.001, 0.5]]])
    np.testing.assert_array_equal(within_limits(calm, BETWEEN), [[[0.0, 0.0, 0.001, 0.5]]])
    full = np.array([[[1.5, 1.999, 1.9999, 2.0]]])
    np.testing.assert_array_equal(within_limits(full, BETWEEN), [[[1.5, 1.999, 2.0, 2.0]]])


def test_a_hair_is_one_of_the_forecast_and_not_of_the_limits():
    far = TaskConfig(horizon=1, lower=0, upper=1e6)
    small = np.array([[[400.0, 500.0, 600.0]]])
    np.testing.assert_array_equal(within_limits(small, far), small)
    certain = np.array([[[0.3, 0.3, 0.3]]])
    np.testing.assert_array_equal(within_limits(certain, far), certain)


@pytest.mark.parametrize(
    "limits", [{"lower": 0.0}, {"upper": 0.0}, {"lower": -1.0, "upper": 2.0}, {}]
)
def test_limits_keep_the_order_and_do_nothing_twice(limits: dict[str, float]):
    task = TaskConfig(horizon=1, **limits)
    rng = np.random.default_rng(0)
    quantiles = np.sort(rng.normal(rng.normal(size=(200, 1, 1)), 1, size=(200, 1, 30)), axis=-1)
    once = within_limits(quantiles, task)
    assert (np.diff(once) >= 0).all()
    assert (once >= limits.get("lower", -np.inf)).all()
    assert (once <= limits.get("upper", np.inf)).all()
    np.testing.assert_array_equal(clip(once, task), once)
