"""Statistical forecasters: estimated once, updated by every row, and right where theory is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from autopq.context import FitContext
from autopq.forecasters.base import PointForecaster
from autopq.forecasters.exponential_smoothing import Smoothing

Create = Callable[..., PointForecaster]
STATISTICAL = ["ets", "sarimax", "structural"]


@pytest.mark.parametrize(
    ("seasonal", "damped"), [("none", False), ("none", True), ("add", True), ("mul", False)]
)
def test_smoothing_goes_on_as_statsmodels_does(seasonal: str, damped: bool) -> None:
    rng = np.random.default_rng(0)
    steps = np.arange(360)
    y = 20 + 4 * np.sin(2 * np.pi * steps / 12) + 0.02 * steps + rng.normal(size=360)
    form = Smoothing(
        season=12,
        seasonal=seasonal,
        damped=damped,
        alpha=0.4,
        beta=0.1 if damped else 0.0,
        gamma=0.2 if seasonal != "none" else 0.0,
        phi=0.9 if damped else 1.0,
    )
    level, trend, pattern = form.start(y[None])
    model = ETSModel(
        y,
        trend="add" if damped else None,
        damped_trend=damped,
        seasonal=None if seasonal == "none" else seasonal,
        seasonal_periods=None if seasonal == "none" else 12,
        initialization_method="known",
        initial_level=level[0],
        initial_trend=trend[0] if damped else None,
        initial_seasonal=None if seasonal == "none" else pattern[0],
    )
    named = {
        "smoothing_level": form.alpha,
        "smoothing_trend": form.beta,
        "smoothing_seasonal": form.gamma,
        "damping_trend": form.phi,
    }
    expected = model.smooth([named[name] for name in model.param_names]).forecast(30)
    np.testing.assert_allclose(form.forecast(y[None], 30)[0], expected, rtol=1e-9)


@pytest.mark.parametrize("name", STATISTICAL)
def test_new_rows_move_a_forecast_though_parameters_stay(
    name: str, hourly: Any, small: Create, context: FitContext
) -> None:
    forecaster = small(name)
    forecaster.fit(hourly.train, hourly.validation, context)
    one = hourly.test.take(slice(10, 11))
    target = one.panel.target.copy()
    target[int(one.start[0]) - 6 : int(one.start[0])] += 20 * np.nanstd(target)
    moved = replace(one, panel=replace(one.panel, target=target))
    assert forecaster.predict(moved)[0, 0] > forecaster.predict(one)[0, 0]
    before = forecaster.predict(hourly.test.take(slice(0, 5)))
    np.testing.assert_array_equal(
        forecaster.predict(replace(hourly.test.take(slice(0, 5)), panel=moved.panel)), before
    )


def test_sarimax_reaches_the_error_of_the_process_it_models(
    make_panel: Callable[..., Any], cut: Callable[..., Any], small: Create, context: FitContext
) -> None:
    rng = np.random.default_rng(4)
    rows = 900
    weather = rng.normal(size=rows).cumsum() / 10
    noise = rng.normal(size=rows)
    errors = np.zeros(rows)
    for t in range(1, rows):
        errors[t] = 0.8 * errors[t - 1] + noise[t]
    case = cut(make_panel([50 + 8 * weather + errors], [weather[:, None]]), 1, every=1)
    forecaster = small("sarimax", max_rows=600, seasonal_p=0)
    forecaster.fit(case.train, case.validation, context)
    error = forecaster.predict(case.test) - case.test.target()
    # One step ahead nothing but the noise is left.
    assert np.sqrt((error**2).mean()) == pytest.approx(1.0, abs=0.15)


def test_structural_draws_two_seasons_around_a_wandering_level(
    make_panel: Callable[..., Any], cut: Callable[..., Any], small: Create, context: FitContext
) -> None:
    hours = np.arange(24 * 50)
    rng = np.random.default_rng(5)
    level = 10 + 0.1 * rng.normal(size=len(hours)).cumsum()
    seasons = 4 * np.sin(2 * np.pi * hours / 24) + 3 * np.sin(2 * np.pi * hours / 168)
    y = level + seasons + 0.2 * rng.normal(size=len(hours))
    case = cut(make_panel([y]), 24, every=7)
    forecaster = small("structural", max_rows=600)
    forecaster.fit(case.train, case.validation, context)
    error = np.abs(forecaster.predict(case.test) - case.test.target()).mean()
    # A day ahead the level has wandered by up to 0.5; the seasons alone would miss by 2.
    assert error < 0.6


@pytest.mark.parametrize("seasonal", ["add", "mul"])
def test_smoothing_starts_from_line_and_pattern(seasonal: str) -> None:
    steps = np.arange(48)
    wave = np.sin(2 * np.pi * steps / 12)
    line = 50 + 0.5 * steps
    y = line * (1 + 0.2 * wave) if seasonal == "mul" else line + 5 * wave
    form = Smoothing(season=12, seasonal=seasonal, damped=True, phi=1.0, alpha=0.5)
    level, trend, pattern = form.start(y[None])
    assert trend[0] == pytest.approx(0.5, rel=0.06)
    assert level[0] == pytest.approx(49.5, rel=0.02)
    expected = 1 + 0.2 * wave[:12] if seasonal == "mul" else 5 * wave[:12]
    np.testing.assert_allclose(pattern[0], expected, atol=0.05)
    np.testing.assert_allclose(
        form.forecast(y[None], 12)[0] / (y[-12:] + y[-12:] - y[-24:-12]), 1.0, atol=0.02
    )


def test_ets_multiplies_where_spread_grows_with_level(
    make_panel: Callable[..., Any], cut: Callable[..., Any], small: Create, context: FitContext
) -> None:
    months = np.arange(180)
    season = 1 + 0.4 * np.sin(2 * np.pi * months / 12)
    noise = 1 + 0.02 * np.random.default_rng(6).normal(size=180)
    case = cut(make_panel([(50 + 2 * months) * season * noise], freq="MS"), 12, every=1)
    errors = {}
    for name, params in (
        ("ets", {"error": "auto", "damped_trend": "auto"}),
        ("seasonal_naive", {}),
    ):
        forecaster = small(name, **params)
        forecaster.fit(case.train, case.validation, context)
        errors[name] = np.abs(forecaster.predict(case.test) - case.test.target()).mean()
        if name == "ets":
            assert forecaster.describe()["first_form"]["seasonal"] == "mul"
    assert errors["ets"] < 0.7 * errors["seasonal_naive"]


def test_a_series_without_spread_is_forecast_by_its_regression_and_said_so(
    make_panel: Callable[..., Any], cut: Callable[..., Any], small: Create, context: FitContext
) -> None:
    moving = 10 + np.random.default_rng(7).normal(size=600)
    case = cut(make_panel([np.full(600, 4.0), moving]), 24)
    forecaster = small("sarimax")
    forecaster.fit(case.train, case.validation, context)
    assert forecaster.describe()["series_without_error_model"] == 1
    np.testing.assert_allclose(forecaster.predict(case.test)[case.test.series == 0], 4.0)
