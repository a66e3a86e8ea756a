"""What a row-wise model leaves to the validation windows, and what it may not choose."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from autopq.context import FitContext
from autopq.data.audit import audit
from autopq.data.splits import split
from autopq.forecasters import registry
from autopq.forecasters.features import FeatureBuilder
from autopq.forecasters.representation import Representation, Views
from autopq.observer import SilentObserver
from autopq.task import TaskConfig

YEAR = {"day_of_year_sin", "day_of_year_cos"}


@pytest.fixture
def context():
    return FitContext(0, SilentObserver(), torch.device("cpu"))


def splits(values):
    time = pd.date_range("2021-01-04", periods=len(values), freq="h")
    config = TaskConfig(horizon=24)
    panel, _ = audit(pd.DataFrame({"timestamp": time, "target": values}), config)
    return split(panel, config, train_windows=400, validation_windows=80, test_windows=80)


def seasonal(days, spread=lambda day: 1.0, seed=1):
    """An hourly series whose swing and noise are `spread` of the day."""
    hours = np.arange(24 * days)
    noise = np.random.default_rng(seed).normal(0, 0.2, len(hours))
    return 100 + np.array([spread(h / 24) for h in hours]) * (np.sin(hours * np.pi / 12) + noise)


def test_the_day_of_the_year_is_a_feature_one_can_do_without():
    train = splits(seasonal(700)).train
    full, less = (Representation("none", "series", keep).builder(train) for keep in (True, False))
    assert set(full.names) - set(less.names) == YEAR
    assert less.build(train.take(slice(0, 2))).x.shape == (48, len(less.names))


def test_rows_of_less_than_a_year_do_not_bring_the_year_into_a_refit(context):
    short = splits(seasonal(90))
    open_to_all = {"level_offset": "none", "unit": "series"}
    chosen = Representation.settle(open_to_all, short.train, short.validation, context)
    assert not chosen.day_of_year
    assert not YEAR & set(chosen.builder(splits(seasonal(700)).train).names)


def test_a_given_choice_is_kept(context):
    given = {"level_offset": "same_type_mean", "unit": "series", "day_of_year": False}
    short = splits(seasonal(60))
    chosen = Representation.settle(given, short.train, short.validation, context)
    assert chosen == Representation("same_type_mean", "series", False)


def test_what_was_chosen_for_the_whole_fit_stands_where_all_is_open(context):
    short = splits(seasonal(60))
    trees, networks = Representation("none", "series"), Representation("recent_mean", "recent")
    given = replace(context, views=Views(trees, networks))
    assert Representation.settle({}, short.train, short.validation, given) == trees
    assert Representation.settle({}, short.train, short.validation, given, network=True) == networks


def test_a_growing_spread_asks_for_the_recent_unit(context):
    growing = splits(seasonal(200, lambda day: 1.015**day))
    views = Views.choose(growing.train, growing.validation, context, fixed_scale=False)
    assert views.trees.unit == views.networks.unit == "recent"


def test_a_level_that_walks_is_told_by_the_last_season(context):
    steps = np.random.default_rng(3).normal(0, 1, 24 * 120)
    walking = splits(np.cumsum(steps) + 5 * np.sin(np.arange(len(steps)) * np.pi / 12))
    views = Views.choose(walking.train, walking.validation, context, fixed_scale=False)
    assert views.trees.level_offset == "last_season"


def test_a_fixed_scale_is_never_given_the_recent_unit(context):
    growing = splits(seasonal(120, lambda day: 1.015**day))
    views = Views.choose(growing.train, growing.validation, context, fixed_scale=True)
    assert views.trees.unit == views.networks.unit == "series"


def test_in_recent_units_a_series_looks_the_same_however_large_it_has_grown():
    growing = splits(seasonal(300, lambda day: 1.015**day))
    builder = FeatureBuilder.fit(growing.train, "recent_mean", "recent")
    early, late = growing.train.take(slice(100, 140)), growing.test.take(slice(-40, None))
    swings = []
    for windows in (early, late):
        rows = builder.build(windows)
        np.testing.assert_allclose(rows.absolute(rows.relative(windows.target())), windows.target())
        swings.append(np.std(rows.relative(windows.target())))
    assert swings[1] == pytest.approx(swings[0], rel=0.3)


@pytest.mark.parametrize("name", ["lightgbm", "mlp"])
def test_a_given_choice_is_kept_by_a_first_fit_without_validation(name, context):
    few = {"lightgbm": {"max_rounds": 8}, "mlp": {"steps": 5, "members": 1}}[name]
    forecaster = registry.create(name, level_offset="none", unit="series", **few)
    forecaster.fit(splits(seasonal(40)).train, None, context)
    described = forecaster.describe()
    assert (described["level_offset"], described["unit"]) == ("none", "series")


def driven(days):
    """An hourly target that its covariate explains, and nothing of its own past does."""
    rng = np.random.default_rng(4)
    wind = rng.normal(0, 1, 24 * days)
    time = pd.date_range("2021-01-04", periods=len(wind), freq="h")
    target = np.tanh(wind) + rng.normal(0, 0.3, len(wind))
    config = TaskConfig(horizon=24, known_covariates=("wind",))
    panel, _ = audit(pd.DataFrame({"timestamp": time, "target": target, "wind": wind}), config)
    return split(panel, config, train_windows=400, validation_windows=80, test_windows=80)


def test_weeks_of_history_are_noise_to_a_target_that_its_covariate_explains(context):
    views = Views.choose(driven(60).train, driven(60).validation, context, fixed_scale=True)
    assert views.networks.reach == "short"
    weekly = seasonal(60) + 3 * (np.arange(24 * 60) // 24 % 7 >= 5)
    needed = splits(weekly)
    views = Views.choose(needed.train, needed.validation, context, fixed_scale=True)
    assert views.trees.reach == views.networks.reach == "long"


def test_a_short_reach_leaves_out_what_lies_weeks_back():
    train = splits(seasonal(60)).train
    full, less = (Representation(reach=reach).builder(train) for reach in ("long", "short"))
    left_out = set(full.names) - set(less.names)
    assert {"long_season_2_before", "mean_672", "same_type_mean"} <= left_out
    assert {"value_1_before", "season_1_before", "mean_24"} <= set(less.names)
    assert Representation.of(less).reach == "short"


def test_a_given_reach_is_kept_while_the_rest_is_chosen(context):
    short = splits(seasonal(60))
    given = {"level_offset": "none", "unit": "series", "reach": "short"}
    assert Representation.settle(given, short.train, short.validation, context).reach == "short"
