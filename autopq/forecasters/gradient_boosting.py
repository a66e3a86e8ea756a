"""`lightgbm`: gradient-boosted trees, one row per step, direct over the horizon."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import torch

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import PointForecaster, State, Trial
from autopq.forecasters.features import LEVEL_OFFSETS, UNITS, FeatureBuilder
from autopq.forecasters.representation import Representation
from autopq.forecasters.sampling import AUTO, within_budget

OBJECTIVES = ("l1", "l2")
# More rows carry more trees: the refit sees the validation rows as well.
_REFIT_ROUNDS = 1.15

Params = dict[str, Any]


@dataclass(frozen=True)
class _Data:
    """Rows, ready to train on."""

    builder: FeatureBuilder
    train: lgb.Dataset
    validation: lgb.Dataset | None
    rows: int


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
            "level_offset": trial.suggest_categorical("level_offset", list(LEVEL_OFFSETS)),
            "unit": trial.suggest_categorical("unit", list(UNITS)),
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
        data = self._data(train, validation)
        data.train.construct()
        if data.validation is not None:
            data.validation.construct()

        def boost(objective: str) -> _Fitted:
            return self._boost(data, {"objective": objective}, self.params["max_rounds"], context)

        # Side by side on a thread each: see `boosting.boost_levels`.
        objectives = self._options("objective", OBJECTIVES)
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            fits = dict(zip(objectives, pool.map(boost, objectives), strict=True))
        self._objective = min(fits, key=lambda objective: fits[objective].best_score_)
        best = fits[self._objective]
        self._keep(data, best.booster, best.rounds)

    def _refit(self, train: Windows, context: FitContext) -> None:
        """Train as long as the previous fit found best; with untuned choices if there was none."""
        if not hasattr(self, "_rounds"):
            self._representation = Representation.untuned(self.params)
            self._objective = self._options("objective", ("l2",))[0]
            self._rounds = int(self.params["max_rounds"] / 4)
        data = self._data(train, None)
        rounds = max(1, round(self._rounds * _REFIT_ROUNDS))
        fitted = self._boost(data, {"objective": self._objective}, rounds, context)
        self._keep(data, fitted.booster, self._rounds)

    def _options(self, name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
        value = self.params[name]
        return choices if value == AUTO else (value,)

    def _data(self, train: Windows, validation: Windows | None) -> _Data:
        builder = self._representation.builder(train)
        budget = int(self.params["max_rows"])
        train = within_budget(train, budget)
        x, y = _xy(builder, train)
        # Leaf sizes differ between fits, so bins must not depend on them.
        params = {
            "max_bin": self.params["max_bin"],
            "feature_pre_filter": False,
            "verbosity": -1,
        }
        dataset = lgb.Dataset(x, y, params=params)
        held_out = None
        if validation is not None:
            rows = _xy(builder, within_budget(validation, budget // 2))
            held_out = lgb.Dataset(*rows, dataset, params=params)
        return _Data(builder, dataset, held_out, len(y))

    def _boost(self, data: _Data, changes: Params, rounds: int, context: FitContext) -> "_Fitted":
        names = (
            "learning_rate",
            "num_leaves",
            "min_data_in_leaf",
            "feature_fraction",
            "bagging_fraction",
            "lambda_l2",
            "max_bin",
        )
        params: Params = {
            **{name: self.params[name] for name in names},
            "min_data_in_leaf": min(self.params["min_data_in_leaf"], max(1, data.rows // 20)),
            "bagging_freq": 1,
            "metric": "l1",
            "seed": int(context.generator(self.name).integers(2**31)),
            "deterministic": True,
            "feature_pre_filter": False,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
            **changes,
        }

        def check_stop(_: lgb.callback.CallbackEnv) -> None:
            context.check_stop()

        callbacks: list[Any] = [check_stop]
        valid_sets = []
        if data.validation is not None:
            valid_sets = [data.validation]
            callbacks.append(lgb.early_stopping(self.params["patience"], verbose=False))
        booster = lgb.train(
            params,
            data.train,
            rounds,
            valid_sets=valid_sets,
            callbacks=callbacks,
            keep_training_booster=False,
        )
        score = booster.best_score.get("valid_0", {}).get("l1", float("nan"))
        return _Fitted(booster, booster.best_iteration or rounds, float(score))

    def _keep(self, data: _Data, booster: lgb.Booster, rounds: int) -> None:
        self._builder, self._rounds, self._rows = data.builder, rounds, data.rows
        # The text is the model: forecasts before and after saving come from the same numbers.
        self._text = booster.model_to_string()
        self._booster = lgb.Booster(model_str=self._text)

    def predict(self, windows: Windows) -> Floats:
        rows = self._builder.build(windows)
        relative = self._booster.predict(rows.x, num_threads=1)
        return rows.absolute(np.asarray(relative, np.float64))

    def state(self) -> State:
        features = self._builder.to_state()
        model = np.frombuffer(self._text.encode(), np.uint8)
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
        forecaster._text = state.arrays["model"].tobytes().decode()
        forecaster._booster = lgb.Booster(model_str=forecaster._text)
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {
            "rows": self._rows,
            "features": len(self._builder.names),
            "rounds": self._rounds,
            "objective": self._objective,
            **vars(self._representation),
        }


@dataclass(frozen=True)
class _Fitted:
    booster: lgb.Booster
    rounds: int
    best_score_: float


def _xy(builder: FeatureBuilder, windows: Windows) -> tuple[npt.NDArray[np.float32], Floats]:
    rows = builder.build(windows)
    return rows.x, rows.relative(windows.target()).ravel()
