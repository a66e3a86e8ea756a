"""Row-wise features: where they look, and what they are relative to."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autopq.data.frequency import Frequency
from autopq.data.panel import Panel
from autopq.forecasters.features import LEVEL_OFFSETS, FeatureBuilder, LevelOffset, history_rows
from autopq.forecasters.lookback import Lookback, same_type_mean, season_values, span_statistics
from autopq.forecasters.sampling import within_budget

Make = Callable[..., Panel]


@pytest.fixture(scope="module")
def counting(make_panel: Make) -> Panel:
    """Three weeks in which the value is the row."""
    return make_panel([np.arange(21 * 24.0)])


def test_season_values_are_the_last_known_ones_of_the_same_hour(counting: Panel) -> None:
    windows = counting.windows([np.array([240])], 30)
    values = season_values(windows, 24, (1, 2))
    step = np.arange(30)
    latest = np.where(step < 24, 240 + step - 24, 240 + step - 48)
    np.testing.assert_array_equal(values[0, :, 0], latest)
    np.testing.assert_array_equal(values[0, :, 1], latest - 24)


def test_values_before_the_series_are_unknown(counting: Panel) -> None:
    windows = counting.windows([np.array([30])], 24)
    values = season_values(windows, 24, (1, 2))[0]
    np.testing.assert_array_equal(values[:, 0], np.arange(6, 30))
    assert np.isnan(values[:18, 1]).all()
    assert (values[18:, 1] == np.arange(6)).all()


def test_span_statistics_use_what_is_known(counting: Panel) -> None:
    mean, spread = span_statistics(counting.windows([np.array([0, 10, 100])], 4), 24)
    assert np.isnan(mean[0])
    assert mean[1:] == pytest.approx([4.5, 87.5])
    assert spread[1:] == pytest.approx([np.std(np.arange(10)), np.std(np.arange(24))])


def test_same_type_mean_keeps_weekends_apart(make_panel: Make) -> None:
    # 2024-01-01 is a Monday; weekends read 1, workdays 5.
    day = np.repeat(np.arange(28), 24)
    values = np.where(day % 7 >= 5, 1.0, 5.0)
    panel = make_panel([values])
    monday, saturday = 21 * 24, 26 * 24
    means = same_type_mean(panel.windows([np.array([monday, saturday])], 24), _lookback(panel))
    np.testing.assert_array_equal(means, np.repeat([[5.0], [1.0]], 24, axis=1))


@pytest.mark.parametrize("level_offset", LEVEL_OFFSETS)
def test_way_back_is_exact(hourly: Any, level_offset: LevelOffset) -> None:
    rows = FeatureBuilder.fit(hourly.train, level_offset).build(hourly.test)
    target = hourly.test.target()
    np.testing.assert_allclose(rows.absolute(rows.relative(target)), target, rtol=1e-12)


@pytest.mark.parametrize("level_offset", ["last_season", "recent_mean", "same_type_mean"])
def test_relative_to_a_level_a_shifted_series_looks_the_same(
    hourly: Any, level_offset: LevelOffset
) -> None:
    builder = FeatureBuilder.fit(hourly.train, level_offset)
    higher = replace(hourly.panel, target=hourly.panel.target + 500)
    rows = builder.build(hourly.test)
    shifted = builder.build(hourly.on(higher, hourly.test))
    np.testing.assert_allclose(shifted.x, rows.x, atol=1e-4)
    np.testing.assert_allclose(shifted.offset, rows.offset + 500)


def test_relative_to_the_last_season_is_what_a_naive_forecast_leaves(hourly: Any) -> None:
    rows = FeatureBuilder.fit(hourly.train, "last_season").build(hourly.test)
    before = hourly.panel.target[hourly.test.steps - 24]
    np.testing.assert_array_equal(rows.offset, before)


@pytest.mark.parametrize("level_offset", LEVEL_OFFSETS)
def test_looks_neither_at_the_target_nor_beyond_the_horizon(
    hourly: Any, level_offset: LevelOffset
) -> None:
    builder = FeatureBuilder.fit(hourly.train, level_offset)
    window = hourly.test.take(slice(3, 4))
    start = int(window.start[0])
    target, covariates = hourly.panel.target.copy(), hourly.panel.covariates.copy()
    target[start:] = -1e9
    covariates[start + 24 :] = 1e9
    other = replace(hourly.panel, target=target, covariates=covariates)
    np.testing.assert_array_equal(
        builder.build(hourly.on(other, window)).x, builder.build(window).x
    )


@pytest.mark.parametrize("level_offset", ["last_season", "same_type_mean"])
@pytest.mark.parametrize("lead", [1, 13, 30])
def test_looks_at_no_target_within_the_lead_time(
    hourly: Any, lead: int, level_offset: LevelOffset
) -> None:
    train = replace(hourly.train, lead=lead)
    builder = FeatureBuilder.fit(train.take(train.complete()), level_offset)
    window = replace(hourly.test.take(slice(3, 4)), lead=lead)
    target = hourly.panel.target.copy()
    target[int(window.start[0]) - lead :] = -1e9
    other = hourly.on(replace(hourly.panel, target=target), window)
    rows, blind = builder.build(window), builder.build(other)
    np.testing.assert_array_equal(blind.x, rows.x)
    np.testing.assert_array_equal(blind.offset, rows.offset)
    by_name = dict(zip(builder.names, rows.x.T, strict=True))
    unit = rows.unit[0]
    seen = hourly.panel.target[int(window.start[0]) - lead - 1]
    np.testing.assert_allclose(by_name["value_1_before"] * unit + rows.offset[0], seen, rtol=1e-5)
    # The same hour of the latest day that was over at the origin.
    days = (lead + np.arange(24)) // 24 + 1
    same_hour = hourly.panel.target[window.steps[0] - 24 * days]
    np.testing.assert_allclose(
        by_name["season_1_before"] * unit + rows.offset[0], same_hour, rtol=1e-5
    )


def test_sees_the_covariate_of_its_own_step(hourly: Any) -> None:
    builder = FeatureBuilder.fit(hourly.train, "none")
    windows = hourly.test.take(slice(0, 7))
    x = builder.build(windows).x.reshape(7, 24, -1)
    own = x[..., builder.names.index("temperature")]
    np.testing.assert_allclose(own, windows.future_covariates()[..., 0], rtol=1e-6)
    ahead = x[..., builder.names.index("temperature_at_+1")]
    np.testing.assert_array_equal(ahead[:, :-1], own[:, 1:])
    np.testing.assert_array_equal(ahead[:, -1], own[:, -1])


def test_nothing_older_than_the_stated_history_matters(make_case: Callable[..., Any]) -> None:
    case = make_case()
    window = case.test.take(slice(-1, None))
    builder = FeatureBuilder.fit(case.train, "same_type_mean")
    target = case.panel.target.copy()
    target[: int(window.start[0]) - history_rows(case.panel.freq, 24)] = 1e9
    older = replace(case.panel, target=target)
    np.testing.assert_array_equal(builder.build(case.on(older, window)).x, builder.build(window).x)


def test_lags_a_series_is_too_short_for_are_left_out(
    cut: Callable[..., Any], make_panel: Make
) -> None:
    noise = np.random.default_rng(0).standard_normal(24 * 12)
    case = cut(make_panel([noise]), 24)
    builder = FeatureBuilder.fit(case.train, "none")
    assert "season_1_before" in builder.names
    assert "season_6_before" not in builder.names
    assert "long_season_1_before" not in builder.names
    assert np.isfinite(builder.build(case.test).x).all(axis=0).mean() > 0.9


@pytest.mark.parametrize(("days", "kept"), [(70, False), (640, True)])
def test_the_year_counts_once_it_was_seen(
    days: int, kept: bool, cut: Callable[..., Any], make_panel: Make
) -> None:
    noise = np.random.default_rng(0).standard_normal(24 * days)
    builder = FeatureBuilder.fit(cut(make_panel([noise]), 24, every=200).train, "none")
    assert any("year" in name for name in builder.names) == kept
    assert "weekend" in builder.names


def test_groups_name_what_to_shuffle_together(hourly: Any) -> None:
    builder = FeatureBuilder.fit(hourly.train, "none")
    assert len(builder.groups) == len(builder.names)
    assert set(builder.groups) == {
        "history",
        "long_history",
        "step",
        "calendar",
        "covariate:temperature",
    }


def test_building_in_chunks_changes_nothing(hourly: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = FeatureBuilder.fit(hourly.train, "same_type_mean")
    whole = builder.build(hourly.train)
    monkeypatch.setattr("autopq.forecasters.features._CHUNK_ROWS", 100)
    pieces = builder.build(hourly.train)
    np.testing.assert_array_equal(pieces.x, whole.x)
    np.testing.assert_array_equal(pieces.offset, whole.offset)


@pytest.mark.parametrize(
    "alias", ["min", "5min", "15min", "h", "D", "B", "W-SUN", "MS", "QS", "YS"]
)
def test_lookback_of_any_frequency(alias: str) -> None:
    lookback = _lookback_of(alias)
    assert min(lookback.recent) == 1
    assert min(lookback.spans) > 1
    assert lookback.rows(48) >= 48


def test_budget_keeps_all_hours(counting: Panel) -> None:
    windows = counting.windows([np.arange(24, 400)], 24)
    kept = within_budget(windows, 100 * 24)
    assert len(kept) == 100
    assert len(np.unique(kept.origin % 24)) > 20
    assert len(within_budget(windows, 10**9)) == len(windows)
    assert len(within_budget(windows, 1)) == 1


def _lookback(panel: Panel) -> Lookback:
    return Lookback.of(panel.freq)


def _lookback_of(alias: str) -> Lookback:
    return Lookback.of(Frequency(alias))
