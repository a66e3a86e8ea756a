"""`svr`: support vector regression with a Gaussian kernel on row-wise features."""

from typing import Any, ClassVar, Self, cast

import numpy as np
from sklearn.svm import SVR

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import PointForecaster, State, Trial
from autopq.forecasters.features import LEVEL_OFFSETS, FeatureBuilder, LevelOffset
from autopq.forecasters.sampling import AUTO, within_budget
from autopq.forecasters.standardizer import Standardizer

# Rows are drawn from this many times as many, so that they come from many days.
_SPARE_ROWS = 8
_VALIDATION_SHARE = 1 / 2
_PREDICTION_ROWS = 4096


class SupportVectors(PointForecaster):
    """ε-insensitive regression on `FeatureBuilder`'s standardised rows (scikit-learn's `SVR`).

    `width` is the kernel's gamma times the number of features. `level_offset` is chosen on the
    validation windows when it is "auto". Time grows with the square of `max_rows`, the training
    rows; they are drawn at random from all.
    """

    name: ClassVar[str] = "svr"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {"c": 1.0, "epsilon": 0.05, "width": 0.3, "level_offset": AUTO, "max_rows": 4000}

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "c": trial.suggest_float("c", 1e-2, 1e2, log=True),
            "epsilon": trial.suggest_float("epsilon", 1e-3, 1.0, log=True),
            "width": trial.suggest_float("width", 1e-2, 10.0, log=True),
            "level_offset": trial.suggest_categorical("level_offset", list(LEVEL_OFFSETS)),
        }

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        fixed = self.params["level_offset"]
        if fixed != AUTO:
            self._solve(train, cast(LevelOffset, fixed), context)
        elif validation is None:
            kept = self._builder.level_offset if hasattr(self, "_builder") else "recent_mean"
            self._solve(train, kept, context)
        else:
            budget = int(self.params["max_rows"] * _VALIDATION_SHARE)
            held_out = within_budget(validation, budget)
            errors = {}
            for offset in LEVEL_OFFSETS:
                self._solve(train, offset, context)
                errors[offset] = float(np.abs(self.predict(held_out) - held_out.target()).mean())
            best = min(LEVEL_OFFSETS, key=errors.__getitem__)
            if best != self._builder.level_offset:
                self._solve(train, best, context)

    def _solve(self, train: Windows, offset: LevelOffset, context: FitContext) -> None:
        context.check_stop()
        budget = int(self.params["max_rows"])
        train = within_budget(train, _SPARE_ROWS * budget)
        self._builder = FeatureBuilder.fit(train, offset)
        rows = self._builder.build(train)
        self._standardizer = Standardizer.fit(rows.x)
        y = rows.relative(train.target()).ravel()
        drawn = context.generator(self.name).permutation(len(y))[:budget]
        x = self._standardizer.transform(rows.x[drawn]).astype(np.float64)
        self._gamma = float(self.params["width"]) / x.shape[1]
        found = SVR(C=self.params["c"], epsilon=self.params["epsilon"], gamma=self._gamma)
        found.fit(x, y[drawn])
        # Without a support vector the forecast is the intercept: an empty array cannot be kept.
        some = len(found.support_vectors_) > 0
        self._vectors = found.support_vectors_ if some else np.zeros((1, x.shape[1]))
        self._duals = found.dual_coef_[0] if some else np.zeros(1)
        self._intercept = float(found.intercept_[0])
        self._rows = len(drawn)

    def predict(self, windows: Windows) -> Floats:
        rows = self._builder.build(windows)
        x = self._standardizer.transform(rows.x).astype(np.float64)
        chunks = range(0, len(x), _PREDICTION_ROWS)
        parts = [self._kernel(x[i : i + _PREDICTION_ROWS]) @ self._duals for i in chunks]
        return rows.absolute(np.concatenate([*parts, np.empty(0)]) + self._intercept)

    def _kernel(self, x: Floats) -> Floats:
        """[rows, V] Gaussian kernel of rows and support vectors."""
        square = (x**2).sum(axis=1)[:, None] + (self._vectors**2).sum(axis=1)
        kernel: Floats = np.exp(-self._gamma * np.maximum(square - 2 * x @ self._vectors.T, 0.0))
        return kernel

    def state(self) -> State:
        features = self._builder.to_state()
        arrays = {
            **features.arrays,
            **self._standardizer.to_arrays(),
            "vectors": self._vectors,
            "duals": self._duals,
            "intercept": np.array([self._intercept]),
        }
        meta = {"features": features.meta, "params": self.params, "rows": self._rows}
        return State(arrays, meta)

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls(**state.meta["params"])
        forecaster._builder = FeatureBuilder.from_state(State(state.arrays, state.meta["features"]))
        forecaster._standardizer = Standardizer.from_arrays(state.arrays)
        forecaster._vectors = state.arrays["vectors"]
        forecaster._duals = state.arrays["duals"]
        forecaster._intercept = float(state.arrays["intercept"][0])
        forecaster._gamma = float(forecaster.params["width"]) / forecaster._vectors.shape[1]
        forecaster._rows = int(state.meta["rows"])
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {
            "rows": self._rows,
            "features": len(self._builder.names),
            "support_vectors": len(self._vectors),
            "level_offset": self._builder.level_offset,
        }
