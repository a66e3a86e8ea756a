"""Boosted trees for several objectives on one binned table, grown side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import torch

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.features import FeatureBuilder, Rows
from autopq.forecasters.sampling import within_budget

Params = dict[str, Any]

# LightGBM's own parameters that a component passes on as they are.
SETTINGS = (
    "learning_rate",
    "num_leaves",
    "min_data_in_leaf",
    "feature_fraction",
    "bagging_fraction",
    "lambda_l2",
    "max_bin",
)
# More rows carry more trees: a refit sees the validation rows as well.
_REFIT_ROUNDS = 1.15

# A leaf may not need more than this share of the rows, or short series could not be split at all.
_LARGEST_LEAF_SHARE = 0.05


@dataclass(frozen=True)
class BinnedRows:
    """Rows of training and validation windows, binned once for all objectives."""

    train: lgb.Dataset
    validation: lgb.Dataset | None
    rows: int
    validation_unit: float = 1.0  # mean unit of the validation rows, in spreads of their series

    @classmethod
    def of(
        cls,
        builder: FeatureBuilder,
        train: Windows,
        validation: Windows | None,
        max_rows: int,
        max_bin: int,
    ) -> Self:
        """At most `max_rows` training rows, and a quarter as many of validation."""
        # Binning must not look at the labels or leaf sizes: objectives share the bins.
        params = {"max_bin": max_bin, "feature_pre_filter": False, "verbosity": -1}
        shown, targets = labelled_rows(builder, train, max_rows)
        binned = lgb.Dataset(shown.x, targets.ravel(), params=params)
        if validation is None:
            return cls(binned, None, targets.size)
        held_out = within_budget(validation, max(1, max_rows // 4))
        rows = builder.build(held_out)
        # Errors count by their size in the series' spread, not in the unit of their window.
        unit = rows.unit / builder.scale.of(held_out.panel)[1][held_out.series]
        labels = rows.relative(held_out.target()).ravel()
        weights = np.repeat(unit, held_out.horizon)
        checked = lgb.Dataset(rows.x, labels, binned, weight=weights, params=params)
        return cls(binned, checked, targets.size, float(np.mean(unit)))


@dataclass(frozen=True)
class Objective:
    """What trees are grown for: the quantile of a `level`, the median (l1) or the mean (l2).
    Medians and means are compared by their absolute errors."""

    kind: Literal["quantile", "l1", "l2"]
    level: float | None = None

    @property
    def metric(self) -> str:
        return "quantile" if self.kind == "quantile" else "l1"

    @property
    def label(self) -> str:
        return self.kind if self.level is None else f"{self.level}"

    @property
    def tail(self) -> float:
        """How far from the middle it lies."""
        return 0.0 if self.level is None else abs(self.level - 0.5)

    def params(self) -> Params:
        params: Params = {"objective": self.kind, "metric": self.metric}
        return params if self.level is None else {**params, "alpha": self.level}


@dataclass(frozen=True)
class Boosted:
    """The trees of one objective; `loss` is the mean validation loss in spreads of the series,
    whatever the unit of the rows; NaN without validation."""

    text: str
    rounds: int
    loss: float


def boost(
    data: BinnedRows,
    objectives: Sequence[Objective],
    params: Params,
    *,
    rounds: Sequence[int],
    patience: int,
    context: FitContext,
    report: Callable[[float], None] = lambda _: None,
) -> list[Boosted]:
    """Trees for every objective; of `params` those in `SETTINGS` are used.

    With validation rows the rounds are those with the lowest validation loss, at most `rounds`;
    without, exactly `rounds`. Objectives are grown side by side: trees of this size are grown
    faster by one thread each than by all threads together. `report` is told the mean loss of those
    that are done after each, from the middle level to the tails. Raises Stopped when the observer
    asks to stop.
    """
    settings = {name: params[name] for name in SETTINGS if name in params}
    # Bins are made at first use, which must not happen twice at once.
    data.train.construct()
    if data.validation is not None:
        data.validation.construct()

    def one(objective: Objective, limit: int) -> Boosted:
        return _boost_one(data, objective, settings, limit, patience, context)

    order = sorted(range(len(objectives)), key=lambda i: objectives[i].tail)
    losses: list[float] = []
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        fits = {i: pool.submit(one, objectives[i], int(rounds[i])) for i in order}
        try:
            for i in order:
                losses.append(fits[i].result().loss)
                report(sum(losses) / len(losses))
            return [fits[i].result() for i in range(len(objectives))]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _boost_one(
    data: BinnedRows,
    objective: Objective,
    settings: Params,
    limit: int,
    patience: int,
    context: FitContext,
) -> Boosted:
    params: Params = {
        **settings,
        **objective.params(),
        "min_data_in_leaf": min(
            settings["min_data_in_leaf"], max(1, int(data.rows * _LARGEST_LEAF_SHARE))
        ),
        "bagging_freq": 1,
        "feature_pre_filter": False,
        "seed": int(context.generator(f"boosting/{objective.label}").integers(2**31)),
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }

    def check_stop(_: lgb.callback.CallbackEnv) -> None:
        context.check_stop()

    callbacks: list[Any] = [check_stop]
    valid_sets = []
    if data.validation is not None:
        valid_sets = [data.validation]
        callbacks.append(lgb.early_stopping(patience, verbose=False))
    booster = lgb.train(params, data.train, limit, valid_sets=valid_sets, callbacks=callbacks)
    rounds = booster.best_iteration or booster.num_trees()
    loss = booster.best_score.get("valid_0", {}).get(objective.metric, float("nan"))
    text = booster.model_to_string(num_iteration=rounds)
    return Boosted(text, max(1, rounds), float(loss) * data.validation_unit)


def refit_rounds(rounds: int) -> int:
    """How many trees a refit on training and validation rows grows where the first fit found
    `rounds` best."""
    return max(1, round(rounds * _REFIT_ROUNDS))


class BoostedTrees:
    """The trees of all objectives, ready to predict, from their texts: forecasts before and after
    saving come from the same numbers."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self._boosters = [lgb.Booster(model_str=text) for text in self.texts]

    def predict(self, x: npt.NDArray[np.float32]) -> Floats:
        """[rows, L] what each objective's trees say of feature rows."""
        found = np.empty((len(x), len(self._boosters)))
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            parts = pool.map(lambda booster: booster.predict(x, num_threads=1), self._boosters)
            for i, part in enumerate(parts):
                found[:, i] = part
        return found


def labelled_rows(builder: FeatureBuilder, windows: Windows, max_rows: int) -> tuple[Rows, Floats]:
    """Features and relative targets [n, H] of windows with at most `max_rows` rows together."""
    windows = within_budget(windows, max_rows)
    rows = builder.build(windows)
    return rows, rows.relative(windows.target())
