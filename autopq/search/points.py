"""Point forecasters fitted once each, and the forecasts the quantile stage is given.

The quantile stage must be shown honest forecasts: on validation and test windows the forecaster
has seen only earlier rows; on training windows it is refitted without the block it forecasts.
"""

from dataclasses import dataclass, field

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats
from autopq.data.splits import Splits, blocked_folds
from autopq.forecasters import registry
from autopq.forecasters.base import PointForecaster
from autopq.members import clip
from autopq.presets import REFERENCE_FORECASTER, Effort
from autopq.search.cost import Cost, Workbench
from autopq.task import TaskConfig


@dataclass
class PointFit:
    """A fitted point forecaster and its clipped forecasts [n, H] of validation and test."""

    name: str
    forecaster: PointForecaster
    validation: Floats
    test: Floats
    mae: float
    cost: Cost
    out_of_fold: Floats | None = None  # of the training windows, where a model needed them
    out_of_fold_cost: Cost = field(default_factory=Cost)


def fit_points(
    splits: Splits, config: TaskConfig, effort: Effort, context: FitContext, bench: Workbench
) -> list[PointFit]:
    """Every forecaster of the effort, best validation MAE first. One that fails is recorded as a
    failed trial and left out."""
    fits = [_fit_point(name, splits, config, effort, context, bench) for name in effort.forecasters]
    return sorted((fit for fit in fits if fit is not None), key=lambda fit: fit.mae)


def richest(points: list[PointFit], effort: Effort) -> list[PointFit]:
    """The forecasters that richer quantile models are tried on: the best ones but the reference,
    which carries the reference row; the reference itself if there is no other."""
    others = [point for point in points if point.name != REFERENCE_FORECASTER] or points
    return others[: effort.rich_forecasters]


def _fit_point(
    name: str,
    splits: Splits,
    config: TaskConfig,
    effort: Effort,
    context: FitContext,
    bench: Workbench,
) -> PointFit | None:
    params = effort.params.get(name, {})
    forecaster = registry.create(name, **params)
    method = forecaster.training_method
    with bench.trial(name, params, forecaster=name, training_method=method) as trial:
        forecaster.fit(splits.train, splits.validation, context)
        validation = clip(forecaster.predict(splits.validation), config)
        test = clip(forecaster.predict(splits.test), config)
        trial.score = float(np.mean(np.abs(splits.validation.target() - validation)))
    bench.advance(1, f"fitted {name}")
    if trial.error is not None:
        return None
    return PointFit(name, forecaster, validation, test, trial.score, trial.cost)


def fit_out_of_fold(
    point: PointFit,
    splits: Splits,
    config: TaskConfig,
    effort: Effort,
    context: FitContext,
    bench: Workbench,
) -> None:
    """Give `point` forecasts of its training windows, each from a fit on the other blocks of
    time with a horizon's gap purged around them. They stay None if one of the fits fails."""
    train, params = splits.train, effort.params.get(point.name, {})
    forecasts = np.full((len(train), train.horizon), np.nan)
    for number, (kept, held) in enumerate(blocked_folds(train, effort.folds, train.horizon), 1):
        forecaster = registry.create(point.name, **params)
        with bench.trial(
            f"{point.name}/fold{number}",
            params,
            forecaster=point.name,
            training_method=forecaster.training_method,
        ) as trial:
            # The held-out block serves early stopping as well: it costs a little honesty and
            # saves a third split of an already short training part.
            block = train.take(held)
            forecaster.fit(train.take(kept), block, context)
            forecasts[held] = clip(forecaster.predict(block), config)
            trial.score = float(np.mean(np.abs(block.target() - forecasts[held])))
        point.out_of_fold_cost += trial.cost
        bench.advance(1, f"fitted {point.name} without block {number}")
        if trial.error is not None:
            return
    point.out_of_fold = forecasts
