"""Paths from marginals: the right marginals, the right order, atoms left to chance."""

import numpy as np
import pandas as pd
import pytest

from autopq.quantiles.direct.dependence import RankDependence, randomised_pit

from .conftest import daily, situation

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
ATOM = np.array(1e-9)


def rng():
    return np.random.default_rng(11)


def grid(shape, center=0.0):
    """Quantiles of a normal-like shape at every entry."""
    return np.broadcast_to(center + np.array([-1.6, -0.7, 0.0, 0.7, 1.6]), (*shape, 5)).copy()


def test_the_transform_is_linear_between_quantiles_and_random_beyond():
    target = np.repeat([-0.35, 0.35, 0.0, -5.0, 5.0], 2000)
    u = randomised_pit(target, grid(target.shape), LEVELS, ATOM, rng()).reshape(5, -1)
    assert np.allclose(u[0], 0.375)
    assert np.allclose(u[1], 0.625)
    assert np.allclose(u[2], 0.5)
    for beyond, low, high in ((u[3], 0.0, 0.05), (u[4], 0.95, 1.0)):
        assert low <= beyond.min() < low + 0.005
        assert high - 0.005 < beyond.max() <= high
        assert abs(beyond.mean() - (low + high) / 2) < 0.005


@pytest.mark.parametrize(
    ("quantiles", "low", "high"),
    [
        ([0, 0, 0, 0, 0], 0.0, 1.0),
        ([0, 0, 0, 1, 2], 0.0, 0.5),
        ([-1, 0, 0, 0, 2], 0.25, 0.75),
        ([-1, -1, 0, 0, 0], 0.5, 1.0),
    ],
)
def test_at_an_atom_the_transform_is_uniform_over_its_levels(quantiles, low, high):
    wide = np.broadcast_to(np.array(quantiles, float), (4000, 5))
    u = randomised_pit(np.zeros(4000), wide, LEVELS, ATOM, rng())
    counts, _ = np.histogram(u, bins=8, range=(low, high))
    assert counts.sum() == 4000
    assert counts.min() > 400


def test_the_transforms_of_a_right_forecast_are_uniform():
    truth = rng().normal(size=20_000)
    levels = np.arange(1, 40) / 40
    quantiles = np.sort(np.quantile(np.random.default_rng(1).normal(size=200_000), levels))
    u = randomised_pit(truth, np.broadcast_to(quantiles, (20_000, 39)), levels, ATOM, rng())
    assert np.abs(np.quantile(u, levels) - levels).max() < 0.015


def persistent_errors(windows, seed=2):
    """Windows whose targets all lie on one side of their forecast: perfectly dependent steps."""
    shift = np.random.default_rng(seed).normal(size=len(windows))
    return grid((len(windows), windows.horizon)) + (windows.target() - shift[:, None])[..., None]


def test_paths_have_the_marginals_and_the_dependence_of_the_validation_windows():
    windows = situation(daily(days=80)).splits.validation
    dependence = RankDependence.fit(windows, persistent_errors(windows), LEVELS, rng())
    quantiles = grid((3, 24), center=np.arange(3).reshape(3, 1, 1) * 10.0)
    paths = dependence.paths(windows.take(slice(0, 3)), quantiles, LEVELS, 200, rng())
    assert paths.shape == (3, 200, 24)
    medians = np.median(paths, axis=1)
    assert np.allclose(medians, [[0.0], [10.0], [20.0]], atol=0.02)
    assert np.allclose(np.sort(paths, axis=1), np.sort(paths[:, :, :1], axis=1))
    correlation = np.corrcoef(paths[1].T)
    assert correlation.min() > 0.9


def test_independent_errors_give_independent_steps():
    windows = situation(daily(days=80)).splits.validation
    errors = rng().normal(size=(len(windows), 24, 1))
    dependence = RankDependence.fit(
        windows, grid((len(windows), 24)) + windows.target()[..., None] - errors, LEVELS, rng()
    )
    paths = dependence.paths(windows.take(slice(0, 1)), grid((1, 24)), LEVELS, 400, rng())
    correlation = np.corrcoef(paths[0].T) - np.eye(24)
    assert abs(correlation.mean()) < 0.05


def test_a_large_series_beside_it_does_not_make_a_small_one_an_atom():
    small, large = daily(item="small"), daily(item="large")
    large["target"] *= 1e8
    windows = situation(pd.concat([small, large])).splits.validation
    quantiles = grid((len(windows), 24)) + windows.target()[..., None]
    dependence = RankDependence.fit(windows, quantiles, LEVELS, rng())
    mine = windows.series == windows.panel.item_ids.index("small")
    assert 0 < mine.sum() < len(windows)
    assert np.allclose(dependence.transforms[mine], 0.5)


def test_paths_follow_windows_that_begin_at_the_same_time_of_day():
    windows = situation(daily(days=300), validation_fraction=0.5).panel.windows(
        [np.arange(48, 7000, 4)], 24
    )
    hour = windows.origin % 24
    errors = rng().normal(size=(len(windows), 24, 1))
    # Steps depend on each other perfectly at midnight and not at all at any other hour.
    errors[hour == 0] = errors[hour == 0, :1]
    quantiles = grid((len(windows), 24)) + windows.target()[..., None] - errors
    dependence = RankDependence.fit(windows, quantiles, LEVELS, rng())
    both = windows.take(np.array([np.flatnonzero(hour == h)[0] for h in (0, 12)]))
    midnight, noon = dependence.paths(both, grid((2, 24)), LEVELS, 200, rng())
    assert np.corrcoef(midnight.T).min() > 0.9
    assert abs((np.corrcoef(noon.T) - np.eye(24)).mean()) < 0.1


def test_paths_are_drawn_from_the_generator_and_survive_saving():
    windows = situation(daily(days=80)).splits.validation
    dependence = RankDependence.fit(windows, persistent_errors(windows), LEVELS, rng())
    again = RankDependence.from_state(dependence.to_state())
    some, quantiles = windows.take(slice(0, 2)), grid((2, 24))
    first = dependence.paths(some, quantiles, LEVELS, 7, rng())
    assert np.array_equal(first, again.paths(some, quantiles, LEVELS, 7, rng()))
    other = again.paths(some, quantiles, LEVELS, 7, np.random.default_rng(12))
    assert not np.array_equal(first, other)
