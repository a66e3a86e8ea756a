"""Forecasters that learn: better than the naive one, and by the method they are told."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autopq.context import FitContext
from autopq.errors import InputError
from autopq.forecasters.base import PointForecaster

Create = Callable[..., PointForecaster]


def error(forecaster: PointForecaster, case: Any, context: FitContext) -> float:
    forecaster.fit(case.train, case.validation, context)
    return float(np.abs(forecaster.predict(case.test) - case.test.target()).mean())


@pytest.fixture(scope="module")
def load(make_case: Callable[..., Any]) -> Any:
    return make_case(days=100, every=7)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("lightgbm", {"max_rounds": 200, "level_offset": "recent_mean"}),
        ("mlp", {"steps": 400, "level_offset": "none"}),
    ],
)
def test_beats_the_seasonal_naive(
    name: str, params: dict[str, Any], load: Any, small: Create, context: FitContext
) -> None:
    naive = error(small("seasonal_naive"), load, context)
    assert error(small(name, **params), load, context) < 0.8 * naive


@pytest.mark.parametrize("name", ["lightgbm", "mlp"])
def test_a_drifting_level_is_followed(
    name: str,
    make_panel: Callable[..., Any],
    cut: Callable[..., Any],
    small: Create,
    context: FitContext,
) -> None:
    hours = np.arange(24 * 90)
    noise = np.random.default_rng(2).standard_normal(len(hours))
    drifting = 0.05 * hours + 5 * np.sin(2 * np.pi * hours / 24) + 0.3 * noise
    case = cut(make_panel([drifting]), 24)
    # Test values lie above everything seen in training, by far more than this.
    assert error(small(name), case, context) < 2.0


def test_refit_trains_longer_for_more_rows(hourly: Any, small: Create, context: FitContext) -> None:
    forecaster = small("lightgbm")
    forecaster.fit(hourly.train, hourly.validation, context)
    before = forecaster.describe()
    forecaster.fit(hourly.train, None, context)
    after = forecaster.describe()
    assert {k: after[k] for k in ("rounds", "objective", "level_offset")} == {
        k: before[k] for k in ("rounds", "objective", "level_offset")
    }
    model = forecaster.state().arrays["model"].tobytes().decode()
    assert model.count("\nTree=") == round(before["rounds"] * 1.15)


def test_fixed_choices_are_kept(hourly: Any, small: Create, context: FitContext) -> None:
    forecaster = small("lightgbm", objective="l2", level_offset="none")
    forecaster.fit(hourly.train, hourly.validation, context)
    described = forecaster.describe()
    assert (described["objective"], described["level_offset"]) == ("l2", "none")


def test_training_method_is_passed_on(hourly: Any, small: Create, context: FitContext) -> None:
    forecaster = small("mlp", training_method="no such method", level_offset="none")
    assert forecaster.training_method == "no such method"
    with pytest.raises(InputError, match=r"training_method.*no such method"):
        forecaster.fit(hourly.train, hourly.validation, context)


def test_members_differ_and_are_averaged(hourly: Any, small: Create, context: FitContext) -> None:
    both = small("mlp", level_offset="none")
    both.fit(hourly.train, hourly.validation, context)
    arrays = both.state().arrays
    assert not np.array_equal(arrays["network.0.head.weight"], arrays["network.1.head.weight"])
    one = small("mlp", level_offset="none", members=1)
    one.fit(hourly.train, hourly.validation, context)
    assert not np.allclose(one.predict(hourly.test), both.predict(hourly.test))
    np.testing.assert_array_equal(
        one.state().arrays["network.0.head.weight"], arrays["network.0.head.weight"]
    )


@pytest.mark.parametrize("name", ["nhits", "tft", "deepar"])
def test_sequence_networks_learn_a_noisy_day(
    name: str,
    make_panel: Callable[..., Any],
    cut: Callable[..., Any],
    small: Create,
    context: FitContext,
) -> None:
    hours = np.arange(24 * 40)
    noise = np.random.default_rng(2).standard_normal(len(hours))
    case = cut(make_panel([20 + 5 * np.sin(2 * np.pi * hours / 24) + noise]), 12, every=3)
    naive = error(small("seasonal_naive"), case, context)
    params = {"steps": 250, "history": 24, "learning_rate": 5e-3, "max_windows": 200}
    assert error(small(name, **params), case, context) < 0.9 * naive


@pytest.mark.parametrize("name", ["nhits", "deepar"])
def test_a_network_trains_by_the_method_it_is_told(
    name: str, hourly: Any, small: Create, context: FitContext
) -> None:
    forecaster = small(
        name, steps=20, training_method="oialr", training_options={"delay": 0.2, "cutoff": 0.3}
    )
    forecaster.fit(hourly.train, hourly.validation, context)
    assert forecaster.describe()["training"]["method"] == "oialr"
    assert np.isfinite(forecaster.predict(hourly.test)).all()
