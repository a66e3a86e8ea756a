"""Boosted trees for one quantile level after the other on one binned table."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import torch

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.features import FeatureBuilder
from autopq.forecasters.sampling import within_budget

Params = dict[str, Any]

# A leaf may not need more than this share of the rows, or short series could not be split at all.
_LARGEST_LEAF_SHARE = 0.05


@dataclass(frozen=True)
class BinnedRows:
    """Rows of training and validation windows, binned once for all levels."""

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
        # Binning must not look at the labels or leaf sizes: levels share the bins.
        params = {"max_bin": max_bin, "feature_pre_filter": False, "verbosity": -1}
        x, y = labelled_rows(builder, train, max_rows)
        binned = lgb.Dataset(x, y, params=params)
        if validation is None:
            return cls(binned, None, len(y))
        held_out = within_budget(validation, max(1, max_rows // 4))
        rows = builder.build(held_out)
        # Errors count by their size in the series' spread, not in the unit of their window.
        unit = rows.unit / builder.scale.of(held_out.panel)[1][held_out.series]
        labels = rows.relative(held_out.target()).ravel()
        weights = np.repeat(unit, held_out.horizon)
        checked = lgb.Dataset(rows.x, labels, binned, weight=weights, params=params)
        return cls(binned, checked, len(y), float(np.mean(unit)))


@dataclass(frozen=True)
class BoostedLevel:
    """The trees of one level; `loss` is the mean validation pinball loss in spreads of the
    series, whatever the unit of the rows; NaN without validation."""

    text: str
    rounds: int
    loss: float


def boost_level(
    data: BinnedRows,
    level: float,
    settings: Params,
    *,
    max_rounds: int,
    patience: int,
    context: FitContext,
) -> BoostedLevel:
    """Trees for one quantile level; `settings` are LightGBM's own parameters.

    With validation rows the rounds are those with the lowest validation loss; without, exactly
    `max_rounds`. Raises Stopped when the observer asks to stop.
    """
    params: Params = {
        **settings,
        "min_data_in_leaf": min(
            settings["min_data_in_leaf"], max(1, int(data.rows * _LARGEST_LEAF_SHARE))
        ),
        "objective": "quantile",
        "alpha": level,
        "metric": "quantile",
        "bagging_freq": 1,
        "feature_pre_filter": False,
        "seed": int(context.generator(f"boosting/{level}").integers(2**31)),
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
    booster = lgb.train(params, data.train, max_rounds, valid_sets=valid_sets, callbacks=callbacks)
    rounds = booster.best_iteration or booster.num_trees()
    loss = booster.best_score.get("valid_0", {}).get("quantile", float("nan"))
    text = booster.model_to_string(num_iteration=rounds)
    return BoostedLevel(text, max(1, rounds), float(loss) * data.validation_unit)


def boost_levels(
    data: BinnedRows,
    levels: Sequence[float],
    settings: Params,
    *,
    rounds: Sequence[int],
    patience: int,
    context: FitContext,
) -> list[BoostedLevel]:
    """`boost_level` for several levels, with at most `rounds` of trees each, side by side: trees
    of this size are grown faster by one thread each than by all threads together."""

    def boost(level: float, limit: int) -> BoostedLevel:
        return boost_level(
            data, level, settings, max_rounds=limit, patience=patience, context=context
        )

    # Bins are made at first use, which must not happen twice at once.
    data.train.construct()
    if data.validation is not None:
        data.validation.construct()
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        fits = [pool.submit(boost, float(a), n) for a, n in zip(levels, rounds, strict=True)]
        try:
            return [fit.result() for fit in fits]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class BoostedLevels:
    """The trees of all levels, ready to predict, from their texts: forecasts before and after
    saving come from the same numbers."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self._boosters = [lgb.Booster(model_str=text) for text in self.texts]

    def predict(self, x: npt.NDArray[np.float32]) -> Floats:
        """[rows, L] quantiles of feature rows."""
        found = np.empty((len(x), len(self._boosters)))
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            parts = pool.map(lambda booster: booster.predict(x, num_threads=1), self._boosters)
            for i, part in enumerate(parts):
                found[:, i] = part
        return found


def labelled_rows(
    builder: FeatureBuilder, windows: Windows, max_rows: int
) -> tuple[npt.NDArray[np.float32], Floats]:
    """Features [rows, K] and relative targets [rows] of at most `max_rows` rows."""
    windows = within_budget(windows, max_rows)
    rows = builder.build(windows)
    return rows.x, rows.relative(windows.target()).ravel()
