"""A small two-series panel with a covariate, and honest points on it."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from autopq.context import FitContext
from autopq.data.frequency import Frequency
from autopq.data.panel import Panel, Windows
from autopq.observer import SilentObserver

HORIZON = 6


def make_panel(target, covariates=None, item_ids=("north", "south")):
    """Hourly series of equal length: target [S, T], covariates [S, T, F]."""
    series, rows = target.shape
    if covariates is None:
        covariates = np.zeros((series, rows, 0))
    time = np.datetime64("2024-01-01", "ns") + np.arange(rows) * np.timedelta64(1, "h")
    return Panel(
        item_ids=item_ids,
        offsets=np.arange(series) * rows,
        lengths=np.full(series, rows),
        sizes=np.full(series, rows),
        time=np.tile(time, series),
        local_time=np.tile(time, series),
        target=target.reshape(-1).astype(float),
        covariates=covariates.reshape(series * rows, -1).astype(float),
        covariate_names=tuple(f"x{i}" for i in range(covariates.shape[2])),
        freq=Frequency("h"),
        timezone=None,
    )


@dataclass
class Situation:
    """Three parts of one panel in time order, and a point forecast that misses only the noise."""

    panel: Panel
    train: Windows
    validation: Windows
    test: Windows
    level: np.ndarray

    def points(self, windows):
        return self.level[windows.steps]


@pytest.fixture(scope="session")
def situation():
    rng = np.random.default_rng(11)
    rows = 900
    hour = np.arange(rows) % 24
    covariate = rng.normal(size=(2, rows, 1))
    size = np.array([[10.0], [1000.0]])
    level = size * (5 + np.sin(2 * np.pi * hour / 24) + 0.5 * covariate[:, :, 0])
    noise = 0.3 * rng.normal(size=(2, rows))
    noise[:, 1:] = 0.8 * noise[:, 1:] + 0.6 * noise[:, :-1]
    panel = make_panel(level + size * noise, covariate)

    def windows(first, last, step):
        return panel.windows([np.arange(first, last, step)] * 2, HORIZON)

    return Situation(
        panel, windows(48, 500, 2), windows(500, 700, 4), windows(700, 890, 7), level.reshape(-1)
    )


@pytest.fixture
def context():
    return FitContext(0, SilentObserver(), torch.device("cpu"))
