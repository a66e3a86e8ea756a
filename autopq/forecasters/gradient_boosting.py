"""`lightgbm`: gradient-boosted trees, one row per step, direct over the horizon."""

from typing import Any, ClassVar, Self

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import PointForecaster, State, Trial
from autopq.forecasters.boosting import (
    BinnedRows,
    Boosted,
    BoostedTrees,
    Objective,
    Params,
    boost,
    refit_rounds,
)
from autopq.forecasters.features import FeatureBuilder
from autopq.forecasters.representation import Representation
from autopq.forecasters.sampling import AUTO

OBJECTIVES = ("l1", "l2")


class GradientBoosting(PointForecaster):
    """LightGBM on `FeatureBuilder`'s rows.

    `objective`, `level_offset` and `unit` are chosen on the validation windows when they are
    "auto" (see `Representation`).
    `max_rows` bounds the training rows (windows x horizon): origins are thinned evenly beyond.
    """

    name: ClassVar[str] = "lightgbm"

    @classmethod
    def defaults(cls) -> Params:
        return {
            "objective": AUTO,
            "level_offset": AUTO,
            "unit": AUTO,
            "learning_rate": 0.06,
            "num_leaves": 24,
            "min_data_in_leaf": 40,
            "feature_fraction": 0.4,
            "bagging_fraction": 0.7,
            "lambda_l2": 1.0,
            "max_bin": 63,
            "max_rounds": 600,
            "patience": 30,
            "max_rows": 80_000,
        }

    @classmethod
    def search_space(cls, trial: Trial) -> Params:
        return {
            "objective": trial.suggest_categorical("objective", list(OBJECTIVES)),
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 8, 128, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 10, 200, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 0.9),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-2, 1e2, log=True),
        }

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        if validation is None:
            self._refit(train, context)
            return
        self._representation = Representation.settle(self.params, train, validation, context)
        builder = self._representation.builder(train)
        data = self._data(builder, train, validation)
        objectives = self._options("objective", OBJECTIVES)
        fits = self._boost(data, objectives, int(self.params["max_rounds"]), context)
        best = min(range(len(fits)), key=lambda i: fits[i].loss)
        self._objective = objectives[best]
        self._keep(builder, data, fits[best], fits[best].rounds)

    def _refit(self, train: Windows, context: FitContext) -> None:
        """Train as long as the previous fit found best; with untuned choices if there was none."""
        if not hasattr(self, "_rounds"):
            self._representation = Representation.untuned(self.params)
            self._objective = self._options("objective", ("l2",))[0]
            self._rounds = int(self.params["max_rounds"] / 4)
        builder = self._representation.builder(train)
        data = self._data(builder, train, None)
        fits = self._boost(data, (self._objective,), refit_rounds(self._rounds), context)
        self._keep(builder, data, fits[0], self._rounds)

    def _options(self, name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
        value = self.params[name]
        return choices if value == AUTO else (value,)

    def _data(
        self, builder: FeatureBuilder, train: Windows, validation: Windows | None
    ) -> BinnedRows:
        rows, bins = int(self.params["max_rows"]), int(self.params["max_bin"])
        return BinnedRows.of(builder, train, validation, rows, bins)

    def _boost(
        self, data: BinnedRows, objectives: tuple[str, ...], rounds: int, context: FitContext
    ) -> list[Boosted]:
        return boost(
            data,
            [Objective("l1" if name == "l1" else "l2") for name in objectives],
            self.params,
            rounds=[rounds] * len(objectives),
            patience=int(self.params["patience"]),
            context=context,
        )

    def _keep(self, builder: FeatureBuilder, data: BinnedRows, fit: Boosted, rounds: int) -> None:
        self._builder, self._rounds, self._rows = builder, rounds, data.rows
        self._trees = BoostedTrees([fit.text])

    def predict(self, windows: Windows) -> Floats:
        rows = self._builder.build(windows)
        return rows.absolute(self._trees.predict(rows.x)[:, 0])

    def state(self) -> State:
        features = self._builder.to_state()
        model = np.frombuffer(self._trees.texts[0].encode(), np.uint8)
        return State(
            {**features.arrays, "model": model},
            {
                "features": features.meta,
                "params": self.params,
                "objective": self._objective,
                "rounds": self._rounds,
                "rows": self._rows,
            },
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        meta = state.meta
        forecaster = cls(**meta["params"])
        forecaster._builder = FeatureBuilder.from_state(State(state.arrays, meta["features"]))
        forecaster._representation = Representation.of(forecaster._builder)
        forecaster._objective = meta["objective"]
        forecaster._rounds = meta["rounds"]
        forecaster._rows = meta["rows"]
        forecaster._trees = BoostedTrees([state.arrays["model"].tobytes().decode()])
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {
            "rows": self._rows,
            "features": len(self._builder.names),
            "rounds": self._rounds,
            "objective": self._objective,
            **vars(self._representation),
        }
