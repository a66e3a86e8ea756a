"""Small series with a daily shape, and members light enough to be fitted many times."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch

from autopq.context import FitContext
from autopq.data.audit import audit
from autopq.data.panel import Panel, Windows
from autopq.data.splits import Splits, fit_windows, split
from autopq.observer import SilentObserver
from autopq.quantiles import registry
from autopq.task import TaskConfig

LIGHT = {
    "lightgbm_quantile": {
        "max_rows": 3000,
        "max_rounds": 40,
        "learning_rate": 0.15,
        "patience": 8,
    },
    "mlp_quantile": {
        "max_rows": 3000,
        "max_epochs": 5,
        "hidden": 32,
        "batch_size": 128,
        "learning_rate": 5e-3,
    },
    "mlp_season_quantile": {
        "seeds": 1,
        "max_rows": 9600,
        "max_epochs": 25,
        "hidden": 64,
        "layers": 1,
        "dropout": 0.1,
        "batch_size": 16,
        "learning_rate": 5e-3,
    },
}
CHOSEN = {"level_offset": "recent_mean", "day_of_year": False}


@dataclass(frozen=True)
class Situation:
    panel: Panel
    config: TaskConfig
    splits: Splits

    @property
    def nothing(self) -> Windows:
        return self.splits.validation.take(slice(0, 0))

    @property
    def everything(self) -> Windows:
        return fit_windows(self.panel, self.config, 300)


def situation(table: pd.DataFrame, **settings) -> Situation:
    settings = {"horizon": 24} | settings
    config = TaskConfig(**settings)
    panel, _ = audit(table, config)
    return Situation(
        panel,
        config,
        split(panel, config, train_windows=400, validation_windows=80, test_windows=80),
    )


def daily(days=60, seed=0, steps=24, noise=0.3, level=10.0, item="a"):
    """A day's sine with a wind-like covariate and noise that is larger in the afternoon."""
    rng = np.random.default_rng(seed)
    n = days * steps
    of_day = np.arange(n) % steps / steps
    wind = rng.normal(size=n)
    error = noise * (1 + 2 * (of_day > 0.5)) * rng.normal(size=n)
    values = level + 4 * np.sin(2 * np.pi * of_day) + wind + error
    freq = pd.Timedelta(days=1) / steps
    return pd.DataFrame(
        {
            "item_id": item,
            "timestamp": pd.date_range("2024-01-01", periods=n, freq=freq),
            "target": values,
            "wind": wind,
        }
    )


@pytest.fixture(scope="session")
def windy():
    return situation(daily(), known_covariates=("wind",))


@pytest.fixture(scope="session")
def context():
    return FitContext(3, SilentObserver(), torch.device("cpu"))


@pytest.fixture(scope="session", params=sorted(LIGHT))
def member(request):
    """Makes an unfitted light member of each kind."""

    def make(**params):
        return registry.create(request.param, **{**LIGHT[request.param], **CHOSEN, **params})

    return make


@pytest.fixture(scope="session")
def fitted(member, windy, context):
    """One fit a kind, for tests that only look at it."""
    return fit(member(), windy, context)


def fit(model, at: Situation, context):
    model.fit(at.splits.train, None, at.splits.validation, None, context)
    return model
