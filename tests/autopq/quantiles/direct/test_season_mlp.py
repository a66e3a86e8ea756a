"""The network that sees a season at once: what it can that a row-wise one cannot."""

import numpy as np
import pandas as pd
import pytest

from autopq.context import FitContext
from autopq.evaluation.grid import PERCENT_LEVELS
from autopq.evaluation.scores import coverage, mean_pinball
from autopq.quantiles import registry

from .conftest import CHOSEN, LIGHT, Situation, fit, situation

SEASON = "mlp_season_quantile"
_HOURS_LATER = 8


def weather_driven(later: int, days: int = 60) -> pd.DataFrame:
    """A plant whose output follows the wind that is forecast for some hours later, and nothing
    else: its own past says nothing of what comes."""
    rng = np.random.default_rng(5)
    wind = rng.normal(size=days * 24 + later)
    noise = 0.1 * rng.normal(size=days * 24)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=days * 24, freq="h"),
            "target": 10 + wind[later:] + noise,
            "wind": wind[: days * 24],
        }
    )


def loss(name: str, at: Situation, context: FitContext, **params: int) -> float:
    model = fit(registry.create(name, **{**LIGHT[name], **CHOSEN, **params}), at, context)
    # The wind after a day is not known at its origin: only the day's first hours can follow it.
    test = at.splits.test
    found = model.quantiles(test, None, PERCENT_LEVELS, np.random.default_rng(0))
    early = slice(0, 24 - _HOURS_LATER)
    return mean_pinball(test.target()[:, early], found[:, early], PERCENT_LEVELS)


def test_it_sees_the_covariates_of_all_steps(context: FitContext) -> None:
    at = situation(weather_driven(_HOURS_LATER), known_covariates=("wind",))
    assert loss(SEASON, at, context) < 0.8 * loss("mlp_quantile", at, context, max_rows=9600)


@pytest.mark.parametrize("horizon", [5, 25, 60])
def test_any_horizon(horizon: int, context: FitContext) -> None:
    """Shorter than a season, an hour longer, and two seasons and a half: the last season of such
    a horizon overlaps the one before."""
    rng = np.random.default_rng(1)
    hour = np.arange(24 * 50) % 24
    table = pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=len(hour), freq="h"),
            "target": 10 + 4 * np.sin(hour * np.pi / 12) + 0.3 * rng.normal(size=len(hour)),
        }
    )
    at = situation(table, horizon=horizon)
    model = fit(registry.create(SEASON, **{**LIGHT[SEASON], **CHOSEN}), at, context)
    test = at.splits.test
    found = model.quantiles(test, None, PERCENT_LEVELS, np.random.default_rng(0))
    assert found.shape == (len(test), horizon, 99)
    error = np.abs(found[..., 49] - test.target()).mean(axis=0)
    assert (error < 0.6).all()  # every step by itself: none is another's
    assert 0.7 < coverage(test.target(), found, PERCENT_LEVELS, 0.9) <= 1.0
