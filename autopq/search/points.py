"""Point forecasters fitted once each, and the forecasts the quantile stage is given.

The quantile stage must be shown honest forecasts: on validation and test windows the forecaster
has seen only earlier rows; on training windows it is refitted without the block it forecasts.
"""

from dataclasses import dataclass, field

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.data.splits import Splits, blocked_folds
from autopq.forecasters import registry
from autopq.forecasters.base import PointForecaster
from autopq.members import clip
from autopq.presets import REFERENCE_FORECASTER, REFERENCE_FORECASTERS, Effort
from autopq.search.cost import Cost, Workbench
from autopq.search.variants import Variant, variants
from autopq.task import TaskConfig


@dataclass
class PointFit:
    """A fitted point forecaster and its clipped forecasts [n, H] of validation and test."""

    variant: Variant
    forecaster: PointForecaster
    validation: Floats
    test: Floats
    mae: float
    cost: Cost
    out_of_fold: Floats | None = None  # of the training windows, where a model needed them
    out_of_fold_cost: Cost = field(default_factory=Cost)
    out_of_fold_error: str | None = None  # why there are none, where some were wanted
    warm_start: str | None = None  # where the setting did well before
    searched: bool = False  # whether the setting was chosen on the validation windows

    @property
    def name(self) -> str:
        return self.variant.name

    def points(self, windows: Windows, config: TaskConfig) -> Floats:
        """[n, H] clipped forecasts of any windows."""
        return clip(self.forecaster.predict(windows), config)

    @property
    def label(self) -> str:
        """The name, with the training method where the task compares several."""
        return self.variant.label


@dataclass(frozen=True)
class FailedPoint:
    """A point forecaster that could not be fitted, and why."""

    forecaster: PointForecaster
    label: str
    error: str
    cost: Cost


def fit_points(
    splits: Splits, config: TaskConfig, effort: Effort, context: FitContext, bench: Workbench
) -> tuple[list[PointFit], list[FailedPoint]]:
    """Every forecaster of the effort by every training method of the task: those that could be
    fitted, best validation MAE first, and those that could not."""
    classes = [registry.load(name) for name in effort.forecasters]
    fits = [
        _fit_point(variant, splits, config, context, bench)
        for variant in variants(classes, effort, config.training_methods)
    ]
    made = [fit for fit in fits if isinstance(fit, PointFit)]
    failed = [fit for fit in fits if isinstance(fit, FailedPoint)]
    return sorted(made, key=lambda fit: fit.mae), failed


def richest(points: list[PointFit], effort: Effort) -> list[PointFit]:
    """The forecasters that richer quantile models are tried on: the best ones but the reference,
    which carries the reference row; the reference itself if there is no other."""
    others = [point for point in points if point.name != REFERENCE_FORECASTER] or points
    return others[: effort.rich_forecasters]


def _fit_point(
    variant: Variant,
    splits: Splits,
    config: TaskConfig,
    context: FitContext,
    bench: Workbench,
) -> PointFit | FailedPoint:
    forecaster = registry.create(variant.name, **variant.params)
    if variant.name not in REFERENCE_FORECASTERS:
        if bench.exhausted:
            return FailedPoint(forecaster, variant.label, not_tried(bench), Cost())
        bench.count_trial()
    with bench.trial(
        variant.label,
        variant.params,
        forecaster=variant.name,
        training_method=forecaster.training_method,
    ) as trial:
        forecaster.fit(splits.train, splits.validation, context)
        made = point_fit(variant, forecaster, splits, config, Cost())
        trial.score = made.mae
    bench.advance(1, f"fitted {variant.label}")
    if trial.error is not None:
        return FailedPoint(forecaster, variant.label, trial.error, trial.cost)
    made.cost = trial.cost
    return made


def point_fit(
    variant: Variant,
    forecaster: PointForecaster,
    splits: Splits,
    config: TaskConfig,
    cost: Cost,
) -> PointFit:
    """A fitted forecaster with its forecasts; `cost` is what fitting it took."""
    validation = clip(forecaster.predict(splits.validation), config)
    test = clip(forecaster.predict(splits.test), config)
    mae = float(np.mean(np.abs(splits.validation.target() - validation)))
    return PointFit(variant, forecaster, validation, test, mae, cost)


def not_tried(bench: Workbench) -> str:
    """The reason on the row of what the budget left out."""
    return f"not tried: {bench.ended_by} was reached"


def fit_out_of_fold(
    point: PointFit,
    splits: Splits,
    config: TaskConfig,
    effort: Effort,
    context: FitContext,
    bench: Workbench,
) -> None:
    """Give `point` forecasts of its training windows, each from a fit on the other blocks of
    time with a horizon's gap purged around them. They stay None, with the reason, if one of the
    fits fails or the budget has no room for them; and for a forecaster that would see the left-out
    blocks all the same.

    The level and spread that series are scaled by come from all training rows.
    """
    if not point.forecaster.learns_from_windows:
        return
    if bench.exhausted:
        point.out_of_fold_error = not_tried(bench)
        return
    train, params = splits.train, point.variant.params
    forecasts = np.full((len(train), train.horizon), np.nan)
    for number, (kept, held) in enumerate(blocked_folds(train, effort.folds, train.horizon), 1):
        forecaster = registry.create(point.name, **params)
        with bench.trial(
            f"{point.label}/fold{number}",
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
        bench.advance(1, f"fitted {point.label} without block {number}")
        if trial.error is not None:
            failed = f"{point.label} could not be fitted without block {number}: {trial.error}"
            point.out_of_fold_error = not_tried(bench) if trial.stopped else failed
            return
    point.out_of_fold = forecasts
