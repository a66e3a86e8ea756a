"""The network that sees a season at once: what it can that a row-wise one cannot, and when presets
have it fitted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.context import FitContext
from autopq.evaluation.grid import PERCENT_LEVELS
from autopq.evaluation.scores import coverage, mean_pinball
from autopq.observer import SilentObserver
from autopq.presets import EFFORTS
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


class Ears(SilentObserver):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def progress(self, fraction: float, message: str) -> None:
        self.messages.append(message)


@pytest.mark.slow
@pytest.mark.parametrize("driven_by", ["weather", "history"])
def test_a_preset_has_it_where_covariates_say_most(
    driven_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    effort = replace(
        EFFORTS["default"],
        forecasters=("seasonal_naive",),
        quantile_models=("residual", SEASON),
        params={SEASON: LIGHT[SEASON]},
    )
    monkeypatch.setitem(EFFORTS, "default", effort)
    table = weather_driven(0)
    if driven_by == "history":  # what was three days ago comes again, which no calendar tells
        shape = np.random.default_rng(3).normal(size=3 * 24)
        table["target"] = np.resize(shape, len(table)) + table["target"] / 20
    ears = Ears()
    config = TaskConfig(horizon=24, known_covariates=("wind",), refit=False)
    rows = AutoPQ(config, observer=ears).fit(table).leaderboard
    tried = SEASON in {row.quantile_model for row in rows}
    assert tried == (driven_by == "weather")
    assert any(f"left {SEASON} out" in message for message in ears.messages) != tried
