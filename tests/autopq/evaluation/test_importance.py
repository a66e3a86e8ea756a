"""Permutation importance against models of which we know what they look at."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq import TaskConfig
from autopq.data.audit import audit
from autopq.errors import Stopped
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.evaluation.importance import groups_of, permutation_importance


@pytest.fixture(scope="module")
def panel():
    hours = np.arange(24 * 90)
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=len(hours), freq="h"),
            "wind": rng.gamma(2.0, 2.0, len(hours)),
            "idle": rng.normal(0, 1, len(hours)),
        }
    )
    season = 5 * np.sin(hours * 2 * np.pi / 24)
    level = np.repeat(np.cumsum(rng.normal(0, 1, 90)), 24)
    table["target"] = 20 + season + 3 * table["wind"] + level
    config = TaskConfig(horizon=24, known_covariates=("wind", "idle"))
    return audit(table, config)[0]


@pytest.fixture
def windows(panel):
    return panel.windows([np.arange(24 * 30, 24 * 89, 24)], 24)


def spread_out(points):
    """Quantiles [n, H, Q] around points [n, H]."""
    return points[..., None] + np.linspace(-2, 2, len(DENSE_LEVELS))


def found(forecast, windows):
    rng = np.random.default_rng(0)
    return {i.group: i for i in permutation_importance(forecast, windows, rng)}


def test_a_model_stands_on_what_it_looks_at(windows):
    def by_wind(shown):
        return spread_out(20 + 3 * shown.future_covariates()[..., 0])

    groups = found(by_wind, windows)
    assert set(groups) == {"history", "calendar", "wind", "idle"}
    assert groups["wind"].increase > 0.3
    for name in ("history", "calendar", "idle"):
        assert groups[name].increase == 0
        assert groups[name].spread == 0


def test_history_and_calendar_are_told_apart(windows):
    def by_yesterday(shown):
        return spread_out(shown.history(24))

    def by_clock(shown):
        stamps = shown.panel.local_time[shown.steps]
        hour = (stamps - stamps.astype("datetime64[D]")) / np.timedelta64(1, "h")
        return spread_out(38 + 5 * np.sin(hour * 2 * np.pi / 24))

    by_history, by_calendar = found(by_yesterday, windows), found(by_clock, windows)
    assert by_history["history"].increase > 0.02
    assert by_history["calendar"].increase == 0
    assert by_calendar["calendar"].increase > 0.02
    assert by_calendar["history"].increase == 0


def test_it_is_the_loss_that_grows_and_repeats_itself(windows):
    def by_wind(shown):
        return spread_out(20 + 3 * shown.future_covariates()[..., 0])

    first, second = found(by_wind, windows), found(by_wind, windows)
    assert first == second
    usual = first["idle"].loss
    assert first["wind"].increase == pytest.approx(first["wind"].loss / usual - 1)


def test_the_most_important_comes_first_and_too_little_data_is_no_error(windows):
    def by_wind(shown):
        return spread_out(20 + 3 * shown.future_covariates()[..., 0])

    rng = np.random.default_rng(0)
    assert permutation_importance(by_wind, windows, rng)[0].group == "wind"
    assert permutation_importance(by_wind, windows.take(slice(0, 1)), rng) == []


def test_a_covariate_may_be_called_like_another_group(panel):
    named = replace(panel, covariate_names=("history", "calendar"))
    windows = named.windows([np.arange(24 * 30, 24 * 89, 24)], 24)

    def by_the_first(shown):
        return spread_out(20 + 3 * shown.future_covariates()[..., 0])

    rng = np.random.default_rng(0)
    important = permutation_importance(by_the_first, windows, rng)
    assert [i.group for i in important if i.increase > 0] == ["history"]
    assert sorted(i.group for i in important) == ["calendar"] * 2 + ["history"] * 2


def test_a_stop_is_asked_for_between_groups(windows):
    asked = []

    def second():
        asked.append(True)
        if len(asked) == 2:
            raise Stopped("stopped on request")

    def by_wind(shown):
        return spread_out(20 + 3 * shown.future_covariates()[..., 0])

    with pytest.raises(Stopped):
        permutation_importance(by_wind, windows, np.random.default_rng(0), second)


def test_shuffled_covariates_are_those_known_at_the_other_origin(panel):
    """A model that asks for parts of its windows is given the parts' own donors."""
    from autopq.evaluation.importance import _without

    windows = panel.windows([np.arange(24 * 30, 24 * 60, 24)], 24)
    shown = _without(windows, groups_of(panel).index("wind"), np.random.default_rng(1))
    whole = shown.future_covariates()
    usual = windows.future_covariates()
    np.testing.assert_array_equal(whole[..., 1], usual[..., 1])
    assert sorted(map(tuple, whole[..., 0])) == sorted(map(tuple, usual[..., 0]))
    assert (whole[..., 0] != usual[..., 0]).any()
    part = shown.take(slice(3, 9))
    np.testing.assert_array_equal(part.future_covariates(), whole[3:9])


def test_series_that_differ_by_their_features_can_lose_them(panel):
    from autopq.data.panel import Statics

    assert groups_of(panel) == ("history", "calendar", "wind", "idle")
    one = replace(panel, statics=Statics(("size",), np.array([[1.0]])))
    assert "static_features" not in groups_of(one)
