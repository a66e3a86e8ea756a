"""A fitted model on newer data: refitted where that is for it, scored on what it had not seen."""

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, FittedModel, TaskConfig, update
from autopq.errors import InputError
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.evaluation.scores import mean_pinball

DAY = 24
OLD, NEW = 60 * DAY, 90 * DAY  # rows


def series(rows, grows=3.0, item=None):
    hours = np.arange(rows)
    noise = np.random.default_rng(0).normal(0, 0.5, rows)
    time = pd.date_range("2024-01-01", periods=rows, freq="h", name="timestamp")
    swing = np.where(hours < OLD, 10.0, 10.0 * grows)  # the daily one changes on day 60
    table = pd.DataFrame({"timestamp": time, "target": swing * np.sin(hours * np.pi / 12) + noise})
    return table if item is None else table.assign(item_id=item)


def task(*forecasters, models=("residual",), **settings):
    return TaskConfig(
        horizon=DAY,
        preset="fast",
        forecasters=forecasters,
        quantile_models=models,
        test_fraction=0.1,
        **settings,
    )


@pytest.fixture(scope="module")
def climatology():
    return AutoPQ(task("climatology")).fit(series(OLD)).model


def loss(model, table):
    """Of the day after the table's first 80 days."""
    known, day = table.iloc[: 80 * DAY], table["target"].to_numpy()[80 * DAY : 81 * DAY]
    forecast = model.predict(known)
    return mean_pinball(day[None], forecast.quantiles, DENSE_LEVELS)


def test_an_updated_model_has_learnt_from_the_new_rows(climatology, tmp_path):
    before = climatology.predict().quantiles
    result = update(climatology, series(80 * DAY))
    table = series(NEW)
    assert loss(result.model, table) < 0.8 * loss(climatology, table)
    # The one that it came of stays as it was, and the new one forecasts from its own end.
    np.testing.assert_array_equal(climatology.predict().quantiles, before)
    forecast = result.model.predict()
    assert forecast.timestamps[0, 0] == table["timestamp"].to_numpy()[80 * DAY]
    result.model.save(tmp_path / "model")
    loaded = FittedModel.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict().quantiles, forecast.quantiles)


def test_the_model_as_it_was_is_scored_on_the_rows_it_had_not_seen(climatology):
    table = series(80 * DAY)
    (row,) = update(climatology, table).leaderboard
    assert row.chosen
    assert row.details["update"]["new_rows"] == 20 * DAY
    assert 150 < row.details["update"]["scored_windows"] <= 200
    assert row.details["update"]["refitted"] == ["climatology"]
    assert row.details["update"]["kept"] == ["residual"]
    # Its intervals are those of a swing a third as large.
    assert row.test["coverage_90"] < 0.5
    few = update(climatology, table.iloc[: OLD + 5]).leaderboard[0]
    assert not few.test
    assert few.details["update"]["scored_windows"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "forecaster", ["seasonal_naive", "linear", "lightgbm", "svr", "ets", "sarimax", "structural"]
)
def test_every_forecaster_without_a_network_is_fitted_again(forecaster):
    model = AutoPQ(task(forecaster)).fit(series(OLD)).model
    assert model.members[0].forecaster.name == forecaster
    result = update(model, series(80 * DAY, grows=1.0))
    assert result.leaderboard[0].details["update"]["refitted"] == [forecaster]
    table = series(NEW, grows=1.0)
    assert loss(result.model, table) < 1.2 * loss(model, table)


@pytest.mark.slow
def test_networks_stay_as_they_are_and_see_the_new_rows_as_history():
    # A level that no rule of thumb follows, so that the network wins.
    config = task("seasonal_naive", models=("mlp_quantile",))
    model = AutoPQ(config).fit(series(OLD)).model
    assert model.members[0].quantile_model.name == "mlp_quantile"
    newer = series(80 * DAY)
    result = update(model, newer)
    assert result.leaderboard[0].details["update"]["refitted"] == []
    np.testing.assert_allclose(
        result.model.predict().quantiles, model.predict(newer).quantiles, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (series(OLD), "no row is newer"),
        (pd.concat([series(NEW, item="a"), series(NEW, item="b")]), "series"),
        (series(NEW).iloc[::2], "apart"),
    ],
    ids=["nothing new", "other series", "another step"],
)
def test_a_table_that_is_not_the_models_is_refused(climatology, table, says):
    with pytest.raises(InputError, match=says):
        update(climatology, table)
