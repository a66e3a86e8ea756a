"""`linear`: ridge regression on row-wise features, direct over the horizon."""

from typing import Any, ClassVar, Self

import numpy as np
from scipy import linalg

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import PointForecaster, State, Trial
from autopq.forecasters.features import LEVEL_OFFSETS, FeatureBuilder, LevelOffset
from autopq.forecasters.sampling import AUTO, within_budget
from autopq.forecasters.standardizer import Standardizer

# Penalties compared, in units of features per independent window: with few windows a small one
# would let weights extrapolate wildly.
_PENALTIES = (0.1, 1.0, 10.0)
_VALIDATION_SHARE = 1 / 3


class LinearForecaster(PointForecaster):
    """One linear map from `FeatureBuilder`'s standardised rows to the relative target.

    Minimises the mean squared error plus `penalty` times the squared weights. `penalty` and
    `level_offset` are chosen on the validation windows when they are "auto". `max_rows` bounds
    the training rows (windows x horizon).
    """

    name: ClassVar[str] = "linear"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {"penalty": AUTO, "level_offset": AUTO, "max_rows": 90_000}

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "penalty": trial.suggest_float("penalty", 1e-6, 1.0, log=True),
            "level_offset": trial.suggest_categorical("level_offset", list(LEVEL_OFFSETS)),
        }

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        if validation is None:
            if not hasattr(self, "_penalty"):
                self._level_offset = self._offsets()[-1]
                self._prepare(train, self._level_offset)
                self._penalty = self._penalties()[len(self._penalties()) // 2]
        else:
            self._choose(train, validation, context)
        self._prepare(train, self._level_offset)
        self._solve(self._penalty)
        # Sums over rows are needed for a solution alone.
        del self._gram, self._moment

    def _choose(self, train: Windows, validation: Windows, context: FitContext) -> None:
        held_out = within_budget(validation, int(self.params["max_rows"] * _VALIDATION_SHARE))
        target = held_out.target()
        errors: dict[tuple[LevelOffset, float], float] = {}
        for offset in self._offsets():
            context.check_stop()
            self._prepare(train, offset)
            for penalty in self._penalties():
                self._solve(penalty)
                errors[offset, penalty] = float(np.abs(self.predict(held_out) - target).mean())
        self._level_offset, self._penalty = min(errors, key=errors.__getitem__)

    def _offsets(self) -> tuple[LevelOffset, ...]:
        fixed = self.params["level_offset"]
        return LEVEL_OFFSETS if fixed == AUTO else (fixed,)

    def _penalties(self) -> tuple[float, ...]:
        fixed = self.params["penalty"]
        if fixed != AUTO:
            return (float(fixed),)
        unit = len(self._moment) / self._independent
        return tuple(unit * multiple for multiple in _PENALTIES)

    def _prepare(self, train: Windows, offset: LevelOffset) -> None:
        """Sums over the training rows, from which weights for any penalty follow."""
        span = int(train.origin.max() - train.origin.min())
        self._independent = len(np.unique(train.series)) * (span // train.horizon + 1)
        train = within_budget(train, int(self.params["max_rows"]))
        self._builder = FeatureBuilder.fit(train, offset)
        rows = self._builder.build(train)
        self._standardizer = Standardizer.fit(rows.x)
        x = self._standardizer.transform(rows.x).astype(np.float64)
        y = rows.relative(train.target()).ravel()
        self._center, self._level = x.mean(axis=0), float(y.mean())
        x -= self._center
        self._gram, self._moment = x.T @ x / len(x), x.T @ (y - self._level) / len(x)
        self._rows = len(x)

    def _solve(self, penalty: float) -> None:
        ridge = self._gram + penalty * np.eye(len(self._gram))
        self._weights = linalg.solve(ridge, self._moment, assume_a="pos")
        self._intercept = self._level - float(self._center @ self._weights)

    def predict(self, windows: Windows) -> Floats:
        rows = self._builder.build(windows)
        x = self._standardizer.transform(rows.x)
        return rows.absolute(x.astype(np.float64) @ self._weights + self._intercept)

    def state(self) -> State:
        features = self._builder.to_state()
        arrays = {
            **features.arrays,
            **self._standardizer.to_arrays(),
            "weights": self._weights,
            "intercept": np.array([self._intercept]),
        }
        meta = {
            "features": features.meta,
            "params": self.params,
            "penalty": self._penalty,
            "rows": self._rows,
        }
        return State(arrays, meta)

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls(**state.meta["params"])
        builder = FeatureBuilder.from_state(State(state.arrays, state.meta["features"]))
        forecaster._builder = builder
        forecaster._level_offset = builder.level_offset
        forecaster._standardizer = Standardizer.from_arrays(state.arrays)
        forecaster._weights = state.arrays["weights"]
        forecaster._intercept = float(state.arrays["intercept"][0])
        forecaster._penalty = float(state.meta["penalty"])
        forecaster._rows = int(state.meta["rows"])
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {
            "rows": self._rows,
            "features": len(self._builder.names),
            "penalty": self._penalty,
            "level_offset": self._level_offset,
        }
