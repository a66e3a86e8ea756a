"""The forecasts that need no model."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autopq.data.panel import Panel
from autopq.forecasters import registry

Make = Callable[..., Panel]


def test_seasonal_naive_finds_the_week(
    make_panel: Make, cut: Callable[..., Any], context: Any
) -> None:
    hours = np.arange(24 * 7 * 6)
    weekly = np.sin(2 * np.pi * hours / 24) + 4.0 * (hours // 24 % 7)
    case = cut(make_panel([weekly]), 24)
    forecaster = registry.create("seasonal_naive")
    forecaster.fit(case.train, case.validation, context)
    assert forecaster.describe() == {"season_steps": 168}
    np.testing.assert_allclose(forecaster.predict(case.test), case.test.target(), atol=1e-9)


def test_seasonal_naive_prefers_persistence_for_a_random_walk(
    make_panel: Make, cut: Callable[..., Any], context: Any
) -> None:
    walk = np.cumsum(np.random.default_rng(5).standard_normal(1500))
    case = cut(make_panel([walk]), 3)
    forecaster = registry.create("seasonal_naive")
    forecaster.fit(case.train, case.validation, context)
    expected = np.repeat(walk[case.test.origin - 1][:, None], 3, axis=1)
    np.testing.assert_array_equal(forecaster.predict(case.test), expected)


def test_steps_beyond_the_season_repeat_it(make_panel: Make, context: Any) -> None:
    panel = make_panel([np.arange(400.0)])
    windows = panel.windows([np.array([200, 210])], 60)
    forecaster = registry.create("seasonal_naive", season=24)
    forecaster.fit(windows, None, context)
    expected = 200 - 24 + np.arange(60) % 24
    np.testing.assert_array_equal(forecaster.predict(windows), [expected, expected + 10])


def test_climatology_knows_hour_day_type_and_month(
    make_panel: Make, cut: Callable[..., Any], context: Any
) -> None:
    rows = 24 * 365 * 2
    panel = make_panel([np.zeros(rows)], start="2023-01-01")
    stamps = panel.local_time
    day = stamps.astype("datetime64[D]").astype(int)
    hour = np.arange(rows) % 24
    month = stamps.astype("datetime64[M]").astype(int) % 12
    panel.target[:] = hour + 100.0 * ((day + 3) % 7 >= 5) + 1000.0 * month
    case = cut(panel, 24, every=37)
    forecaster = registry.create("climatology")
    forecaster.fit(case.train, None, context)
    np.testing.assert_array_equal(forecaster.predict(case.test), case.test.target())


def test_climatology_of_an_unseen_month_is_that_of_any_month(
    make_panel: Make, context: Any
) -> None:
    hours = np.arange(24 * 90)
    panel = make_panel([10.0 + hours % 24], start="2024-01-01")
    january = panel.windows([np.arange(0, 24 * 20, 24)], 24)
    forecaster = registry.create("climatology")
    forecaster.fit(january, None, context)
    march = panel.windows([np.array([24 * 70])], 24)
    np.testing.assert_array_equal(forecaster.predict(march), [10.0 + np.arange(24)])
