"""`DirectQuantiles`: what quantile regressions on row-wise features have in common."""

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.evaluation.grid import interpolate, monotone
from autopq.forecasters.base import State
from autopq.quantiles.base import NeedsPoint, QuantileModel
from autopq.quantiles.direct.dependence import RankDependence
from autopq.quantiles.states import nested, unnested


class DirectQuantiles(QuantileModel):
    """Quantiles at a fixed grid of levels, each step by itself; any other level is interpolated.

    Point forecasts are neither needed nor looked at. The regression knows single steps only, so
    the dependence between the steps of a path is that of the validation windows.
    """

    needs_point: ClassVar[NeedsPoint] = "none"

    def fit(
        self,
        train: Windows,
        train_points: Floats | None,
        validation: Windows,
        validation_points: Floats | None,
        context: FitContext,
    ) -> None:
        if len(validation) == 0:
            self.refit_regression(train, context)
            return
        self.fit_regression(train, validation, context)
        rng = context.generator(f"{self.name}/dependence")
        grid = monotone(self.predict_grid(validation))
        self._dependence = RankDependence.fit(validation, grid, self.levels, rng)

    def quantiles(
        self, windows: Windows, points: Floats | None, levels: Floats, rng: np.random.Generator
    ) -> Floats:
        return interpolate(monotone(self.predict_grid(windows)), self.levels, levels)

    def sample(
        self, windows: Windows, points: Floats | None, paths: int, rng: np.random.Generator
    ) -> Floats:
        return self._dependence.paths(
            windows, monotone(self.predict_grid(windows)), self.levels, paths, rng
        )

    def state(self) -> State:
        parts = {"regression": self.regression_state(), "dependence": self._dependence.to_state()}
        state = nested(parts)
        return State(state.arrays, {**state.meta, "params": self.params})

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = cls(**state.meta["params"])
        parts = unnested(state)
        model.restore_regression(parts["regression"])
        model._dependence = RankDependence.from_state(parts["dependence"])
        return model

    @property
    @abstractmethod
    def levels(self) -> Floats:
        """[L] ascending levels the regression is trained at."""

    @abstractmethod
    def predict_grid(self, windows: Windows) -> Floats:
        """[n, H, L] quantiles at `levels`, in the user's units; they may still cross."""

    @abstractmethod
    def fit_regression(self, train: Windows, validation: Windows, context: FitContext) -> None:
        """Fit; every choice is made on the validation windows."""

    @abstractmethod
    def refit_regression(self, train: Windows, context: FitContext) -> None:
        """Fit on all of `train` with the choices of the fit before. Raises RuntimeError when
        there was none."""

    @abstractmethod
    def regression_state(self) -> State: ...

    @abstractmethod
    def restore_regression(self, state: State) -> None: ...


def levels_of(params: dict[str, Any]) -> Floats:
    """The parameter `levels`. Raises ValueError unless it ascends inside (0, 1)."""
    levels = np.asarray(params["levels"], np.float64)
    if len(levels) == 0 or levels[0] <= 0 or levels[-1] >= 1 or (np.diff(levels) <= 0).any():
        raise ValueError("levels must ascend between 0 and 1, both excluded")
    return levels
