"""Steps at which the series always holds one value."""

import numpy as np

from autopq.evaluation.grid import PERCENT_LEVELS
from autopq.quantiles import registry
from autopq.quantiles.direct.standstill import Standstill

from .conftest import CHOSEN, LIGHT, daily, fit, situation

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def solar(exceptions=0.0, **settings):
    """Zero from 18 h to 6 h, but for a share of `exceptions` at which it is one."""
    table = daily(days=60)
    night = (table["timestamp"].dt.hour < 6) | (table["timestamp"].dt.hour >= 18)
    odd = np.random.default_rng(8).random(len(table)) < exceptions
    table.loc[night, "target"] = np.where(odd[night], 1.0, 0.0)
    return situation(table, known_covariates=("wind",), **settings)


def night(windows):
    hour = windows.steps % 24
    return (hour < 6) | (hour >= 18)


def test_where_a_series_stands_still_its_quantiles_are_the_value_it_holds():
    at = solar()
    windows = at.splits.test
    noise = np.sort(np.random.default_rng(1).normal(size=(len(windows), 24, 5)), axis=-1)
    found = Standstill.fit(at.splits.train).applied(windows, noise, LEVELS)
    assert (found[night(windows)] == 0).all()
    assert np.array_equal(found[~night(windows)], noise[~night(windows)])


def test_levels_that_training_saw_the_value_left_at_stay_the_networks():
    at = solar(exceptions=0.1)
    standstill = Standstill.fit(at.splits.train)
    assert standstill.below == 0
    assert 0.05 < standstill.above < 0.15
    windows = at.splits.test
    wide = np.broadcast_to([-2.0, -1.0, 0.0, 1.0, 2.0], (len(windows), 24, 5))
    found = standstill.applied(windows, wide, LEVELS)
    changed = (found != wide).any(axis=-1)
    assert changed.any()
    assert not (changed & ~night(windows)).any()
    assert (found[changed] == [0.0, 0.0, 0.0, 0.0, 2.0]).all()


def test_a_series_that_never_stands_still_is_left_alone(windy):
    standstill = Standstill.fit(windy.splits.train)
    wide = np.broadcast_to(LEVELS, (len(windy.splits.test), 24, 5))
    assert np.array_equal(standstill.applied(windy.splits.test, wide, LEVELS), wide)


def test_the_network_forecasts_nights_exactly(context):
    at = solar()
    params = {**LIGHT["mlp_quantile"], **CHOSEN}
    model = fit(registry.create("mlp_quantile", **params), at, context)
    windows = at.splits.test
    found = model.quantiles(windows, None, PERCENT_LEVELS, np.random.default_rng(0))
    assert (found[night(windows)] == 0).all()
    assert (np.ptp(found[~night(windows)], axis=-1) > 0.1).all()
    paths = model.sample(windows, None, 20, np.random.default_rng(0))
    assert (paths.transpose(0, 2, 1)[night(windows)] == 0).all()
