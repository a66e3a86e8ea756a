"""Panels, windows and forecasters small enough to be fitted in a second."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from autopq.context import FitContext
from autopq.data.example import synthetic_load
from autopq.data.frequency import Frequency
from autopq.data.panel import Panel, Windows
from autopq.forecasters import registry
from autopq.forecasters.base import PointForecaster
from autopq.observer import SilentObserver

SMALL: dict[str, dict[str, Any]] = {
    "lightgbm": {"max_rounds": 25, "max_rows": 8_000},
    "mlp": {"steps": 80, "max_rows": 6_000, "hidden": 32},
    "nhits": {"steps": 60, "max_windows": 150, "hidden": 24, "batch_size": 32},
    "deepar": {"steps": 60, "max_windows": 100, "history": 24, "hidden": 10, "layers": 1},
    "tft": {"steps": 30, "max_windows": 80, "history": 24, "width": 8, "heads": 2},
    "linear": {"max_rows": 8_000},
    "svr": {"max_rows": 400},
    "ets": {"max_rows": 300, "error": "add", "damped_trend": False},
    "sarimax": {"max_rows": 300, "p": 1, "q": 0, "harmonics": 3},
    "structural": {"max_rows": 400, "harmonics": 3, "long_harmonics": 1},
}


@dataclass(frozen=True)
class Case:
    """A panel in three parts of time."""

    panel: Panel
    train: Windows
    validation: Windows
    test: Windows

    def on(self, panel: Panel, windows: Windows) -> Windows:
        """The same windows on another panel."""
        return replace(windows, panel=panel)


def panel_of(
    values: list[npt.NDArray[np.float64]],
    covariates: list[npt.NDArray[np.float64]] | None = None,
    *,
    freq: str = "h",
    start: str = "2024-01-01",
    future: int = 0,
) -> Panel:
    """Series without time zone; the last `future` rows of each hold covariates alone."""
    sizes = np.array([len(v) for v in values], np.int64)
    time = np.concatenate(
        [pd.date_range(start, periods=n, freq=freq).to_numpy("datetime64[ns]") for n in sizes]
    )
    target = np.concatenate(values).astype(np.float64)
    lengths = sizes - future
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    for offset, length, size in zip(offsets, lengths, sizes, strict=True):
        target[offset + length : offset + size] = np.nan
    known = np.concatenate(covariates) if covariates else np.empty((len(target), 0))
    return Panel(
        item_ids=tuple(f"series-{i + 1}" for i in range(len(values))),
        offsets=offsets,
        lengths=lengths,
        sizes=sizes,
        time=time,
        local_time=time,
        target=target,
        covariates=known,
        covariate_names=("temperature",) if covariates else (),
        freq=Frequency(freq),
        timezone=None,
    )


def case_of(panel: Panel, horizon: int, *, every: int = 5) -> Case:
    """Train on the first 60 %, validate on the next 20 %, test on the rest."""

    def part(first: float, last: float) -> Windows:
        origins = []
        for length in panel.lengths:
            start, stop = max(1, int(length * first)), int(length * last) - horizon
            origins.append(np.arange(start, stop + 1, every))
        windows = panel.windows(origins, horizon)
        return windows.take(windows.complete())

    return Case(panel, part(0.05, 0.6), part(0.6, 0.8), part(0.8, 1.0))


def load_panel(*, days: int = 70, freq: str = "h", series: int = 1, seed: int = 3) -> Panel:
    """Synthetic load with temperature known ahead."""
    table = synthetic_load(np.random.default_rng(seed), days=days, freq=freq, series=series)
    groups = [group for _, group in table.groupby("item_id", sort=False)]
    return panel_of(
        [group["load"].to_numpy() for group in groups],
        [group[["temperature"]].to_numpy() for group in groups],
        freq=freq,
    )


@pytest.fixture(scope="session")
def hourly() -> Case:
    return case_of(load_panel(), 24)


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    def make(horizon: int = 24, every: int = 5, **load: Any) -> Case:
        return case_of(load_panel(**load), horizon, every=every)

    return make


@pytest.fixture(scope="session")
def make_panel() -> Callable[..., Panel]:
    return panel_of


@pytest.fixture(scope="session")
def cut() -> Callable[..., Case]:
    return case_of


@pytest.fixture
def context() -> FitContext:
    return FitContext(7, SilentObserver(), torch.device("cpu"))


@pytest.fixture(scope="session")
def small() -> Callable[..., PointForecaster]:
    """A forecaster by name, set to be quick."""

    def create(name: str, **params: Any) -> PointForecaster:
        return registry.create(name, **{**SMALL.get(name, {}), **params})

    return create
