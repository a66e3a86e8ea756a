"""Conformal intervals: they hold more nearly what they say, on rows they were not fitted on."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.evaluation.grid import DENSE_LEVELS, normal_score
from autopq.model import FittedModel
from autopq.quantiles.conformal import ConformalIntervals

HORIZON = 24
MEDIAN = int(np.searchsorted(DENSE_LEVELS, 0.5))


def claimed(windows, spread):
    """Quantiles of a normal distribution, the same whatever comes."""
    return np.tile(spread * normal_score(DENSE_LEVELS), (windows, HORIZON, 1))


def truth(windows, seed):
    return np.random.default_rng(seed).normal(size=(windows, HORIZON))


def held(y, quantiles, coverage):
    low, high = (np.searchsorted(DENSE_LEVELS, 0.5 + s * coverage / 2 - 1e-9) for s in (-1, 1))
    return float(((y >= quantiles[..., low]) & (y <= quantiles[..., high])).mean())


def fit(y, quantiles):
    return ConformalIntervals.fit(y, quantiles, np.random.default_rng(0))


@pytest.mark.parametrize("spread", [0.6, 1.6])
@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_intervals_come_nearer_to_what_they_say_and_the_median_stays(spread, coverage):
    found = fit(truth(200, 0), claimed(200, spread))
    y, before = truth(200, 1), claimed(200, spread)
    after = found.applied(before)
    assert (np.diff(after, axis=-1) >= 0).all()
    np.testing.assert_allclose(after[..., MEDIAN], before[..., MEDIAN], atol=1e-12)
    missed = abs(held(y, before, coverage) - coverage)
    # Halfway, and no further: the rows to come are others.
    assert 0.25 * missed < abs(held(y, after, coverage) - coverage) < 0.75 * missed


def test_a_right_forecast_stays_nearly_as_it_is_atoms_too():
    y, quantiles = truth(400, 2), claimed(400, 1.0)
    for limit in (-np.inf, 0.0):  # half of all values stand at 0
        found = fit(np.maximum(y, limit), np.maximum(quantiles, limit))
        np.testing.assert_allclose(found.taken, found.coverages, atol=0.02)


def test_missing_targets_are_left_out():
    y = truth(100, 3)
    gaps = np.concatenate([y, np.full((30, HORIZON), np.nan)])
    assert fit(gaps, claimed(130, 1.5)).taken == pytest.approx(
        fit(y, claimed(100, 1.5)).taken, 0.02
    )


def test_too_few_windows_tell_nothing():
    assert fit(truth(10, 0), claimed(10, 1.6)) is None


def test_a_task_may_ask_for_it_and_the_model_keeps_it(tmp_path):
    time = pd.date_range("2024-01-01", periods=24 * 80, freq="h")
    noise = np.random.default_rng(0).normal(size=len(time))
    table = pd.DataFrame({"timestamp": time, "target": 50 + noise})
    config = TaskConfig(
        horizon=HORIZON,
        preset="fast",
        forecasters=("climatology",),
        quantile_models=("residual",),
        conformal=True,
    )
    result = AutoPQ(config).fit(table)
    (chosen,) = (row for row in result.leaderboard if row.chosen)
    assert chosen.details["conformal"]["coverages"]
    result.model.save(tmp_path / "model")
    loaded = FittedModel.load(tmp_path / "model")
    assert loaded.conformal == result.model.conformal
    forecast = result.model.predict(paths=300)
    np.testing.assert_array_equal(loaded.predict().quantiles, forecast.quantiles)
    # Where it changes much, quantiles and paths both follow.
    narrow = ConformalIntervals((0.5,), (0.05,))
    narrowed = replace(result.model, conformal=narrow).predict(paths=300)
    level = int(np.searchsorted(DENSE_LEVELS, 0.25))
    for width in (
        lambda f: f.quantiles[..., -level - 1] - f.quantiles[..., level],
        lambda f: np.subtract(*np.quantile(f.paths, [0.75, 0.25], axis=1)),
    ):
        assert (width(narrowed) < 0.5 * width(forecast)).all()
