"""Both direct members through the interface of every quantile model."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from autopq.context import FitContext
from autopq.errors import Stopped
from autopq.evaluation.grid import DENSE_LEVELS, PERCENT_LEVELS
from autopq.evaluation.scores import coverage, mean_pinball
from autopq.forecasters.base import State
from autopq.observer import SilentObserver
from autopq.quantiles import registry

from .conftest import LIGHT, daily, fit, situation


def quantiles(model, windows, levels=PERCENT_LEVELS):
    return model.quantiles(windows, None, levels, np.random.default_rng(0))


def climatology(at, levels):
    """Quantiles of the training values at the same hour."""
    train, test = at.splits.train, at.splits.test
    hour = train.steps % 24
    known = [np.quantile(train.target()[hour == h], levels) for h in range(24)]
    return np.array(known)[test.steps % 24]


def test_it_learns_shape_covariate_and_spread(fitted, windy):
    test = windy.splits.test
    found = quantiles(fitted, test)
    assert found.shape == (len(test), 24, 99)
    score = mean_pinball(test.target(), found, PERCENT_LEVELS)
    usual = mean_pinball(test.target(), climatology(windy, PERCENT_LEVELS), PERCENT_LEVELS)
    assert score < 0.75 * usual
    assert 0.75 < coverage(test.target(), found, PERCENT_LEVELS, 0.9) < 0.99
    width = (found[..., 89] - found[..., 9]).ravel()
    afternoon = (test.steps % 24 > 12).ravel()
    assert width[afternoon].mean() > 1.3 * width[~afternoon].mean()


def test_quantiles_ascend_at_any_levels_and_need_no_randomness(fitted, windy):
    windows = windy.splits.test.take(slice(0, 5))
    dense = quantiles(fitted, windows, DENSE_LEVELS)
    assert (np.diff(dense, axis=-1) >= 0).all()
    other = fitted.quantiles(windows, None, DENSE_LEVELS, np.random.default_rng(9))
    assert np.array_equal(dense, other)
    odd = quantiles(fitted, windows, np.array([0.123, 0.777]))
    assert np.array_equal(odd.shape, (5, 24, 2))
    assert ((odd[..., 0] >= dense[..., 0]) & (odd[..., 1] <= dense[..., -1])).all()


def test_paths_follow_the_quantiles(fitted, windy):
    windows = windy.splits.test.take(slice(0, 4))
    paths = fitted.sample(windows, None, 300, np.random.default_rng(1))
    assert paths.shape == (4, 300, 24)
    levels = np.array([0.1, 0.5, 0.9])
    exact = quantiles(fitted, windows, levels)
    empirical = np.moveaxis(np.quantile(paths, levels, axis=1), 0, -1)
    assert np.abs(empirical - exact).max() < 0.1
    assert np.array_equal(paths, fitted.sample(windows, None, 300, np.random.default_rng(1)))


def test_a_saved_model_forecasts_the_same(fitted, windy):
    state = fitted.state()
    through_json = State(state.arrays, json.loads(json.dumps(state.meta)))
    again = type(fitted).from_state(through_json)
    windows = windy.splits.test.take(slice(0, 6))
    assert np.array_equal(quantiles(fitted, windows), quantiles(again, windows))
    assert np.array_equal(
        fitted.sample(windows, None, 10, np.random.default_rng(4)),
        again.sample(windows, None, 10, np.random.default_rng(4)),
    )
    assert again.describe() == fitted.describe()


def test_the_same_seed_gives_the_same_model(fitted, member, windy, context):
    other_seed = FitContext(context.seed + 1, SilentObserver(), torch.device("cpu"))
    again, other = (fit(member(), windy, given) for given in (context, other_seed))
    windows = windy.splits.test.take(slice(0, 6))
    assert np.array_equal(quantiles(fitted, windows), quantiles(again, windows))
    assert not np.array_equal(quantiles(fitted, windows), quantiles(other, windows))


def test_a_refit_sees_the_new_rows_and_keeps_what_validation_taught(member, context):
    table = daily(days=60)
    # The level where validation begins is unlike any seen before: only a refit can know it.
    table.loc[int(len(table) * 0.56) :, "target"] += 60
    at = situation(table, known_covariates=("wind",))
    model = fit(member(level_offset="none"), at, context)
    windows = at.splits.test
    before = mean_pinball(windows.target(), quantiles(model, windows), PERCENT_LEVELS)
    said, paths = model.describe(), model.state().arrays["dependence.transforms"]
    model.fit(at.everything, None, at.nothing, None, context)
    after = mean_pinball(windows.target(), quantiles(model, windows), PERCENT_LEVELS)
    assert after < 0.8 * before
    assert np.array_equal(paths, model.state().arrays["dependence.transforms"])
    for kept in ("epochs", "rounds", "level_offset", "day_of_year"):
        assert model.describe().get(kept) == said.get(kept)


def test_a_refit_without_a_fit_is_refused(member, windy, context):
    with pytest.raises(RuntimeError, match="validation"):
        member().fit(windy.everything, None, windy.nothing, None, context)


def test_nothing_at_or_after_the_origin_enters(member, context):
    table = daily(days=50)
    at = situation(table)
    model = fit(member(), at, context)
    origin = at.splits.test.take(slice(0, 1))
    table.loc[int(origin.start[0]) :, "target"] += 1000
    changed = situation(table).panel.windows([origin.origin], 24)
    assert np.array_equal(quantiles(model, origin), quantiles(model, changed))


def test_many_series_share_one_model(member, context):
    table = pd.concat([daily(seed=1, item="small"), daily(seed=2, level=5000.0, item="large")])
    large = table["item_id"] == "large"
    table.loc[large, "target"] = 5000 + 100 * (table.loc[large, "target"] - 5000)
    at = situation(table, known_covariates=("wind",))
    model = fit(member(), at, context)
    found = quantiles(model, at.splits.test, np.array([0.5]))[..., 0]
    error = np.abs(found - at.splits.test.target()).mean(axis=1)
    series = at.splits.test.series
    assert {0, 1} == set(series)
    large_id = at.panel.item_ids.index("large")
    assert error[series != large_id].mean() < 1.5
    assert error[series == large_id].mean() < 150


def test_gaps_quarter_hours_and_short_series(member, context):
    gappy = daily(days=40)
    gappy.loc[100:160, "target"] = np.nan
    gappy.loc[300, "wind"] = np.nan
    cases = [
        situation(gappy, known_covariates=("wind",)),
        situation(daily(days=12, steps=96), horizon=96, known_covariates=("wind",)),
        situation(daily(days=7)),
    ]
    for at in cases:
        model = fit(member(), at, context)
        found = quantiles(model, at.splits.test)
        paths = model.sample(at.splits.test, None, 20, np.random.default_rng(0))
        assert np.isfinite(found).all()
        assert np.isfinite(paths).all()
        assert paths.shape == (len(at.splits.test), 20, at.config.horizon)


def test_a_constant_series_is_forecast_as_such(member, context):
    table = daily(days=30)
    table["target"] = 7.0
    model = fit(member(), situation(table), context)
    found = quantiles(model, situation(table).splits.test)
    assert np.allclose(found, 7.0, atol=0.2)


def test_what_is_left_open_is_chosen_on_validation(member, context):
    # A slow drift far larger than the day's shape: an absolute level cannot follow it.
    table = daily(days=70)
    table["target"] += np.arange(len(table)) / 10
    at = situation(table, known_covariates=("wind",))
    model = fit(member(level_offset="auto", day_of_year="auto"), at, context)
    assert model.describe()["level_offset"] != "none"
    assert isinstance(model.describe()["day_of_year"], bool)


def test_a_stop_ends_the_fit(member, windy):
    class Stopping(SilentObserver):
        def should_stop(self) -> bool:
            return True

    with pytest.raises(Stopped):
        fit(member(), windy, FitContext(1, Stopping(), torch.device("cpu")))


@pytest.mark.parametrize("levels", [(0.5, 0.4), (0.0, 0.5), ()])
def test_levels_must_ascend_inside_0_and_1(member, windy, context, levels):
    with pytest.raises(ValueError, match="levels"):
        fit(member(levels=levels), windy, context)


@pytest.mark.parametrize("method", ["backprop", "f3"])
def test_the_network_trains_by_any_method(method, windy, context):
    params = {**LIGHT["mlp_quantile"], "training_method": method, "level_offset": "none"}
    model = fit(registry.create("mlp_quantile", **params), windy, context)
    assert model.training_method == method
    test = windy.splits.test
    score = mean_pinball(test.target(), quantiles(model, test), PERCENT_LEVELS)
    usual = mean_pinball(test.target(), climatology(windy, PERCENT_LEVELS), PERCENT_LEVELS)
    assert score < usual
