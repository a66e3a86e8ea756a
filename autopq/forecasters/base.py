"""`PointForecaster`: maps windows to one value per step. The registry is in `registry.py`."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.state import Arrays as Arrays
from autopq.state import State as State
from autopq.training_plan import Stage


class Trial(Protocol):
    """The part of `optuna.Trial` that search spaces use."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Any) -> Any: ...


class PointForecaster(ABC):
    """A point forecaster over all series of a panel.

    Life: construct with parameters -> `fit` -> `predict` as often as wished -> `state`. Targets
    and forecasts are in the user's units; scaling is the forecaster's own business. Clipping to
    physical limits is not: the pipeline does it.
    """

    name: ClassVar[str]
    # The stage of `training_plan` whose training methods the forecaster's network is trained by;
    # then it has the parameters `training_method`, `training_options` and `training_ranks`.
    training_stage: ClassVar[Stage | None] = None

    # Whether a block of time left out of the training windows stays unseen. Without that there are
    # no honest forecasts of training windows.
    learns_from_windows: ClassVar[bool] = True

    def __init__(self, **params: Any) -> None:
        self.params: dict[str, Any] = {**self.defaults(), **params}

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Every parameter with its default."""
        return {}

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        """Parameters drawn from a trial; empty when there is nothing to search."""
        return {}

    @property
    def training_method(self) -> str | None:
        """The training method of a network; None for forecasters that are not networks."""
        return None

    @abstractmethod
    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        """Fit on complete windows.

        `validation` lies after `train` in time and serves early stopping alone. None means a
        refit: train as long as the previous `fit` of this object found best.
        """

    @abstractmethod
    def predict(self, windows: Windows) -> Floats:
        """[n, H] finite point forecasts, using only rows before each origin and known
        covariates."""

    @abstractmethod
    def state(self) -> State: ...

    @classmethod
    @abstractmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`; forecasts are bit-identical."""

    def describe(self) -> dict[str, Any]:
        """What a report should say of this fit: rows used, rounds, epochs, parameters."""
        return {}


def finite(forecast: Floats, fallback: Floats) -> Floats:
    """`forecast` with non-finite entries replaced by `fallback` (both [n, H])."""
    return np.where(np.isfinite(forecast), forecast, fallback)
