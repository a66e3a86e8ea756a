"""What every registered point forecaster promises."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from autopq.context import FitContext
from autopq.data.panel import Panel, Windows
from autopq.errors import Stopped
from autopq.forecasters import registry
from autopq.forecasters.base import PointForecaster, State
from autopq.observer import SilentObserver

Create = Callable[..., PointForecaster]


# `given` and `chronos` learn nothing: files of their own hold them to what they promise.
@pytest.fixture(params=[name for name in registry.names() if name not in ("given", "chronos")])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(hourly: Any, small: Create) -> Callable[[str], PointForecaster]:
    kept: dict[str, PointForecaster] = {}

    def get(name: str) -> PointForecaster:
        if name not in kept:
            forecaster = small(name)
            context = FitContext(7, SilentObserver(), torch.device("cpu"))
            forecaster.fit(hourly.train, hourly.validation, context)
            kept[name] = forecaster
        return kept[name]

    return get


def through_files(forecaster: PointForecaster) -> PointForecaster:
    state = forecaster.state()
    arrays = load(save({k: np.ascontiguousarray(v) for k, v in state.arrays.items()}))
    return type(forecaster).from_state(State(arrays, json.loads(json.dumps(state.meta))))


def with_other_future(windows: Windows, row: int) -> Windows:
    """The same windows on a panel whose target differs from `row` on."""
    target = windows.panel.target.copy()
    target[row:] = 1e6 * (1 + np.arange(len(target) - row))
    return replace(windows, panel=replace(windows.panel, target=target))


def test_forecasts_every_step_with_finite_values(
    name: str, hourly: Any, fitted: Callable[[str], PointForecaster]
) -> None:
    forecast = fitted(name).predict(hourly.test)
    assert forecast.shape == (len(hourly.test), 24)
    assert forecast.dtype == np.float64
    assert np.isfinite(forecast).all()


def test_same_seed_same_forecast(
    name: str,
    hourly: Any,
    small: Create,
    context: FitContext,
    fitted: Callable[[str], PointForecaster],
) -> None:
    again = small(name)
    again.fit(hourly.train, hourly.validation, context)
    np.testing.assert_array_equal(again.predict(hourly.test), fitted(name).predict(hourly.test))


def test_survives_a_file_bit_by_bit(
    name: str, hourly: Any, fitted: Callable[[str], PointForecaster]
) -> None:
    forecaster = fitted(name)
    loaded = through_files(forecaster)
    np.testing.assert_array_equal(loaded.predict(hourly.test), forecaster.predict(hourly.test))
    assert loaded.params == forecaster.params
    assert loaded.describe() == forecaster.describe()


def test_a_loaded_forecaster_can_be_refitted(
    name: str, hourly: Any, context: FitContext, fitted: Callable[[str], PointForecaster]
) -> None:
    loaded, again = through_files(fitted(name)), through_files(fitted(name))
    for forecaster in (loaded, again):
        forecaster.fit(hourly.validation, None, context)
    forecast = loaded.predict(hourly.test)
    assert np.isfinite(forecast).all()
    np.testing.assert_array_equal(forecast, again.predict(hourly.test))


def test_fits_without_validation_from_the_start(
    name: str, hourly: Any, small: Create, context: FitContext
) -> None:
    forecaster = small(name)
    forecaster.fit(hourly.train, None, context)
    assert np.isfinite(forecaster.predict(hourly.test)).all()


def test_does_not_depend_on_the_windows_next_to_it(
    name: str, hourly: Any, fitted: Callable[[str], PointForecaster]
) -> None:
    together = fitted(name).predict(hourly.test)
    alone = [fitted(name).predict(hourly.test.take(slice(i, i + 1))) for i in (0, 5, 11)]
    np.testing.assert_allclose(np.concatenate(alone), together[[0, 5, 11]], rtol=1e-5)


def test_sees_nothing_from_the_origin_on(
    name: str, hourly: Any, fitted: Callable[[str], PointForecaster]
) -> None:
    one = hourly.test.take(slice(4, 5))
    other = with_other_future(one, int(one.start[0]))
    np.testing.assert_array_equal(fitted(name).predict(one), fitted(name).predict(other))


def test_learns_nothing_from_after_the_validation_windows(
    name: str,
    hourly: Any,
    small: Create,
    context: FitContext,
    fitted: Callable[[str], PointForecaster],
) -> None:
    end = int(hourly.validation.steps.max()) + 1
    forecaster = small(name)
    forecaster.fit(
        with_other_future(hourly.train, end), with_other_future(hourly.validation, end), context
    )
    first = hourly.test.take(slice(0, 1))
    np.testing.assert_array_equal(forecaster.predict(first), fitted(name).predict(first))


def test_serves_series_of_different_size(
    name: str, make_case: Callable[..., Any], small: Create, context: FitContext
) -> None:
    case = make_case(series=3, every=11)
    forecaster = small(name)
    forecaster.fit(case.train, case.validation, context)
    forecast, target = forecaster.predict(case.test), case.test.target()
    for s in range(3):
        mine = case.test.series == s
        error = np.abs(forecast[mine] - target[mine]).mean()
        assert error < 0.25 * target[mine].mean()


def test_answers_for_a_series_it_was_not_trained_on(
    name: str, hourly: Any, fitted: Callable[[str], PointForecaster]
) -> None:
    stranger = replace(hourly.panel, item_ids=("a new one",))
    windows = replace(hourly.test, panel=stranger)
    assert np.isfinite(fitted(name).predict(windows)).all()


def test_forecasts_after_a_lead_time_know_nothing_since_the_origin(
    name: str, hourly: Any, small: Create, context: FitContext
) -> None:
    lead = 13
    case = [
        (later := replace(part, lead=lead)).take(later.complete())
        for part in (hourly.train, hourly.validation, hourly.test)
    ]
    forecaster = small(name)
    forecaster.fit(case[0], case[1], context)
    window = case[2].take(slice(2, 3))
    target = hourly.panel.target.copy()
    target[int(window.start[0]) - lead :] = 1e6
    forecast = forecaster.predict(window)
    np.testing.assert_array_equal(
        forecaster.predict(replace(window, panel=replace(hourly.panel, target=target))), forecast
    )
    assert forecast.shape == (1, 24)
    # The steps that are forecast are those after the lead time: the day's shape lies right.
    everything = forecaster.predict(case[2])
    error = np.abs(everything - case[2].target()).mean()
    assert error < 0.25 * case[2].target().mean()


def test_bears_gaps_in_target_and_covariates(
    name: str, hourly: Any, small: Create, context: FitContext
) -> None:
    target, covariates = hourly.panel.target.copy(), hourly.panel.covariates.copy()
    target[:30] = np.nan
    target[500:560] = np.nan
    target[::97] = np.nan
    covariates[300:340] = np.nan
    gappy = replace(hourly.panel, target=target, covariates=covariates)
    train, validation = hourly.on(gappy, hourly.train), hourly.on(gappy, hourly.validation)
    forecaster = small(name)
    forecaster.fit(train.take(train.complete()), validation.take(validation.complete()), context)
    assert np.isfinite(forecaster.predict(hourly.on(gappy, hourly.test))).all()


def test_bears_a_constant_series(
    name: str,
    make_panel: Callable[..., Panel],
    cut: Callable[..., Any],
    small: Create,
    context: FitContext,
) -> None:
    case = cut(make_panel([np.full(600, 4.0)]), 24)
    forecaster = small(name)
    forecaster.fit(case.train, case.validation, context)
    np.testing.assert_allclose(forecaster.predict(case.test), 4.0, atol=1e-3)


@pytest.mark.parametrize(
    ("freq", "rows", "horizon"),
    [("15min", 96 * 28, 96), ("h", 24 * 12, 48), ("D", 120, 14), ("MS", 60, 6), ("W-SUN", 80, 4)],
)
def test_any_frequency_and_short_series(
    name: str,
    freq: str,
    rows: int,
    horizon: int,
    make_panel: Callable[..., Panel],
    cut: Callable[..., Any],
    small: Create,
    context: FitContext,
) -> None:
    season = {"15min": 96, "h": 24, "D": 7, "MS": 12, "W-SUN": 52}[freq]
    noise = np.random.default_rng(1).standard_normal(rows)
    values = 10 + 3 * np.sin(2 * np.pi * np.arange(rows) / season) + 0.3 * noise
    case = cut(make_panel([values], freq=freq), horizon, every=1 if rows < 1000 else 17)
    forecaster = small(name)
    forecaster.fit(case.train, case.validation, context)
    # The last origin has no known target at all: rows for the steps exist, values do not.
    future = make_panel([np.append(values, np.zeros(horizon))], freq=freq, future=horizon)
    forecast = forecaster.predict(future.windows([np.array([rows])], horizon))
    assert forecast.shape == (1, horizon)
    assert np.isfinite(forecast).all()
    assert (np.abs(forecast - 10) < 6).all()


@pytest.mark.parametrize("iterative", ["lightgbm", "mlp", "nhits"])
def test_stops_when_asked(iterative: str, hourly: Any, small: Create) -> None:
    class Impatient(SilentObserver):
        def should_stop(self) -> bool:
            return True

    context = FitContext(0, Impatient(), torch.device("cpu"))
    with pytest.raises(Stopped):
        small(iterative).fit(hourly.train, hourly.validation, context)
