"""`QuantileModel`: turns point forecasts into distributions. The registry is in `registry.py`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import State, Trial
from autopq.training_plan import Stage

if TYPE_CHECKING:
    from autopq.quantiles.flow_cache import FlowCache

# `none`: stands without a point forecaster. `forecast`: needs point forecasts of the windows it is
# asked about. `out_of_fold`: of its training windows as well, from fits that did not see them.
NeedsPoint = Literal["none", "forecast", "out_of_fold"]


def _go_on() -> None:
    return None


@contextmanager
def interruptible(
    models: Iterable["QuantileModel"], check_stop: Callable[[], None]
) -> Iterator[None]:
    """Let `check_stop`, which raises where the caller would have an end, be asked by models whose
    forecasts take long."""
    asked = list(models)
    for model in asked:
        model.check_stop = check_stop
    try:
        yield
    finally:
        for model in asked:
            model.check_stop = _go_on


class QuantileModel(ABC):
    """A distribution over [H] steps around point forecasts, for any quantile level.

    The pipeline makes the point forecasts and hands them over: `points` always belong row by row
    to the windows they come with, shape [n, H], in the user's units.
    """

    name: ClassVar[str]
    needs_point: ClassVar[NeedsPoint]
    # Whether `fit` learns from validation targets beyond a single number such as the spread:
    # then the pipeline cross-fits before it believes a validation score.
    fits_on_validation: ClassVar[bool] = False
    # Whether the model has a scalar `spread` to be searched on validation data.
    has_spread: ClassVar[bool] = False
    # As of a point forecaster.
    training_stage: ClassVar[Stage | None] = None

    def __init__(self, **params: Any) -> None:
        self.params: dict[str, Any] = {**self.defaults(), **params}
        self.spread: float | None = None
        # Asked now and then while many windows are forecast; see `interruptible`.
        self.check_stop: Callable[[], None] = _go_on

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        """Parameters suggested by an Optuna trial; none for models without a space."""
        return {}

    @property
    def training_method(self) -> str | None:
        return None

    def use(self, flows: "FlowCache") -> None:
        """Take part in the sharing of trained flows; models without one ignore it."""
        return None

    @abstractmethod
    def fit(
        self,
        train: Windows,
        train_points: Floats | None,
        validation: Windows,
        validation_points: Floats | None,
        context: FitContext,
    ) -> None:
        """Fit on complete windows. `train_points` come with `out_of_fold` alone;
        `validation_points` are honest forecasts from a forecaster that did not see those
        targets.

        An empty `validation` means a refit: networks train as long as the previous `fit` of this
        object found best, and what was learned from validation targets is kept.
        """

    @abstractmethod
    def sample(
        self, windows: Windows, points: Floats | None, paths: int, rng: np.random.Generator
    ) -> Floats:
        """[n, S, H] sample paths with the model's dependence between steps."""

    def quantiles(
        self, windows: Windows, points: Floats | None, levels: Floats, rng: np.random.Generator
    ) -> Floats:
        """[n, H, Q] quantiles, ascending in the level; from samples unless a model knows them."""
        samples = self.sample(windows, points, self.quantile_paths, rng)
        return np.moveaxis(np.quantile(samples, levels, axis=1), 0, -1)

    @property
    def quantile_paths(self) -> int:
        """Sample paths drawn when quantiles come from samples."""
        return 1000

    @abstractmethod
    def state(self) -> State: ...

    @classmethod
    @abstractmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state()`; the searched spread is part of it."""

    def describe(self) -> dict[str, Any]:
        """What a report should say of this fit."""
        return {}
