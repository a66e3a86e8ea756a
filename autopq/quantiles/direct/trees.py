"""`lightgbm_quantile`: boosted trees, one set a quantile level."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.evaluation.grid import monotone
from autopq.forecasters.base import State, Trial
from autopq.forecasters.boosting import (
    BinnedRows,
    Boosted,
    BoostedTrees,
    Objective,
    boost,
    refit_rounds,
)
from autopq.forecasters.features import FeatureBuilder
from autopq.forecasters.representation import Representation
from autopq.forecasters.sampling import AUTO, within_budget
from autopq.quantiles.direct.base import DirectQuantiles, levels_of
from autopq.quantiles.direct.standstill import Standstill
from autopq.quantiles.states import nested, unnested


class LightGBMQuantiles(DirectQuantiles):
    """LightGBM quantile regression, one row per step.

    `level_offset`, `unit`, `day_of_year` and `reach` are chosen on the validation windows when
    they are "auto", by quick fits. `max_rows` bounds the training rows (windows x horizon):
    origins are thinned evenly beyond.
    """

    name = "lightgbm_quantile"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            "levels": (0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99),
            "level_offset": AUTO,
            "unit": AUTO,
            "day_of_year": AUTO,
            "reach": AUTO,
            "learning_rate": 0.06,
            "num_leaves": 16,
            "min_data_in_leaf": 40,
            "feature_fraction": 0.4,
            "bagging_fraction": 0.7,
            "lambda_l2": 1.0,
            "max_bin": 63,
            "max_rounds": 600,
            "patience": 30,
            "max_rows": 40_000,
        }

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 6, 64, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 15, 200, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 0.9),
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-2, 1e2, log=True),
        }

    @property
    def levels(self) -> Floats:
        return levels_of(self.params)

    def fit_regression(self, train: Windows, validation: Windows, context: FitContext) -> None:
        self._representation = Representation.settle(self.params, train, validation, context)
        builder = self._representation.builder(train)
        data = self._data(builder, train, validation)
        limit = int(self.params["max_rounds"])
        fits = self._boost(data, [limit] * len(self.levels), context, context.report)
        self._rounds = [fit.rounds for fit in fits]
        self._keep(builder, data, fits, train)

    def refit_regression(self, train: Windows, context: FitContext) -> None:
        if not hasattr(self, "_rounds"):
            raise RuntimeError("fit with validation windows first")
        builder = self._representation.builder(train)
        data = self._data(builder, train, None)
        fits = self._boost(data, [refit_rounds(rounds) for rounds in self._rounds], context)
        self._keep(builder, data, fits, train)

    def predict_grid(self, windows: Windows) -> Floats:
        rows = self._builder.build(windows)
        relative = self._trees.predict(rows.x)
        absolute = np.stack([rows.absolute(column) for column in relative.T], axis=-1)
        return self._standstill.applied(windows, monotone(absolute), self.levels)

    def regression_state(self) -> State:
        texts = [np.frombuffer(text.encode(), np.uint8) for text in self._trees.texts]
        state = nested(
            {
                "features": self._builder.to_state(),
                "trees": State({f"level{i}": text for i, text in enumerate(texts)}),
                "standstill": self._standstill.to_state(),
            }
        )
        fitted = {
            "representation": vars(self._representation),
            "rounds": self._rounds,
            "rows": self._rows,
        }
        return State(state.arrays, {**state.meta, **fitted})

    def restore_regression(self, state: State) -> None:
        parts = unnested(state)
        self._builder = FeatureBuilder.from_state(parts["features"])
        texts = parts["trees"].arrays
        self._trees = BoostedTrees(
            [texts[f"level{i}"].tobytes().decode() for i in range(len(texts))]
        )
        self._standstill = Standstill.from_state(parts["standstill"])
        self._representation = Representation(**state.meta["representation"])
        self._rounds = list(state.meta["rounds"])
        self._rows = int(state.meta["rows"])

    def describe(self) -> dict[str, Any]:
        if not hasattr(self, "_trees"):
            return {}
        return {
            "rows": self._rows,
            "features": len(self._builder.names),
            "rounds": self._rounds,
            **vars(self._representation),
        }

    def _data(
        self, builder: FeatureBuilder, train: Windows, validation: Windows | None
    ) -> BinnedRows:
        rows, bins = int(self.params["max_rows"]), int(self.params["max_bin"])
        return BinnedRows.of(builder, train, validation, rows, bins)

    def _boost(
        self,
        data: BinnedRows,
        rounds: list[int],
        context: FitContext,
        report: Callable[[float], None] = lambda _: None,
    ) -> list[Boosted]:
        objectives = [Objective("quantile", float(level)) for level in self.levels]
        return boost(
            data,
            objectives,
            self.params,
            rounds=rounds,
            patience=int(self.params["patience"]),
            context=context,
            report=report,
        )

    def _keep(
        self,
        builder: FeatureBuilder,
        data: BinnedRows,
        fits: list[Boosted],
        train: Windows,
    ) -> None:
        self._standstill = Standstill.fit(within_budget(train, int(self.params["max_rows"])))
        self._builder, self._rows = builder, data.rows
        self._trees = BoostedTrees([fit.text for fit in fits])
