"""Joint search over components and their hyper-parameters: successive halving over components,
Optuna within each.

Every rung gives all components that are left the same number of settings to try, then drops the
worse half by best validation score; the last one gets what remains. Settings are proposed by
multivariate TPE (Optuna), one study a component, so that conditional spaces need no dummy values.
"""

import math
from dataclasses import dataclass
from typing import Any

import optuna

from autopq.context import FitContext
from autopq.data.panel import Floats
from autopq.data.splits import Splits
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.evaluation.scores import mean_pinball
from autopq.forecasters import registry as forecasters
from autopq.forecasters.base import PointForecaster
from autopq.members import dense_quantiles
from autopq.presets import REFERENCE_QUANTILE_MODEL, Effort
from autopq.quantiles import registry as quantile_models
from autopq.quantiles.base import QuantileModel
from autopq.search.candidates import Candidate, cross_fitted
from autopq.search.cost import Workbench
from autopq.search.points import PointFit, fitted_point
from autopq.search.variants import Variant
from autopq.task import TaskConfig

# Settings tried before TPE takes over from random draws.
_STARTUP_TRIALS = 5


@dataclass
class _Contender:
    """A component with its study and the best fit so far."""

    name: str
    study: optuna.Study
    tried: int = 0
    best: float = float("inf")
    point: PointFit | None = None
    candidate: Candidate | None = None


def tune(
    splits: Splits, config: TaskConfig, effort: Effort, context: FitContext, bench: Workbench
) -> tuple[list[PointFit], list[Candidate]]:
    """The best fit of every component that a setting beyond its defaults was tried of: point
    forecasters, and quantile models that stand without one. Ends early where the budget does."""
    contenders = [_contender(name, context) for name in effort.tuned]
    left = list(contenders)
    for number in _rungs(len(left), effort.tuning_trials):
        for contender in left:
            for _ in range(number):
                if bench.exhausted:
                    return _found(contenders)
                _try(contender, splits, config, effort, context, bench)
        left = sorted(left, key=lambda contender: contender.best)[: max(1, len(left) // 2)]
    return _found(contenders)


def _rungs(components: int, trials: int) -> list[int]:
    """Settings a component is given on each rung; rungs cost about the same."""
    if components == 0 or trials == 0:
        return []
    count = math.ceil(math.log2(components)) + 1
    return [max(1, trials // count // max(1, components >> rung)) for rung in range(count)]


def _contender(name: str, context: FitContext) -> _Contender:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = int(context.generator(f"tuning/{name}").integers(2**31))
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP_TRIALS)
    return _Contender(name, optuna.create_study(direction="minimize", sampler=sampler))


def _try(
    contender: _Contender,
    splits: Splits,
    config: TaskConfig,
    effort: Effort,
    context: FitContext,
    bench: Workbench,
) -> None:
    """Fit one more setting and keep it if it is the best. A failure is told to the study."""
    contender.tried += 1
    bench.count_trial()
    asked = contender.study.ask()
    component = _component(contender.name)
    params = {
        **effort.params.get(contender.name, {}),
        **_method(component, config),
        **component.search_space(asked),
    }
    is_point = issubclass(component, PointForecaster)
    label = f"{contender.name}#{contender.tried}"
    with bench.trial(
        label,
        params,
        forecaster=contender.name if is_point else None,
        quantile_model=None if is_point else contender.name,
        training_method=component(**params).training_method,
    ) as trial:
        if is_point:
            forecaster = forecasters.create(contender.name, **params)
            variant = Variant(contender.name, label, params)
            point = fitted_point(variant, forecaster, splits, config, context)
            trial.score = _score_point(point, splits, config, context)
        else:
            model = quantile_models.create(contender.name, **params)
            model.fit(splits.train, None, splits.validation, None, context)
            rng = context.generator("score")
            found = dense_quantiles(model, splits.validation, None, config, rng)
            trial.score = _loss(splits, found)
    bench.advance(1, f"tried {label}")
    if trial.error is not None:
        contender.study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return
    contender.study.tell(asked, trial.score)
    if trial.score < contender.best:
        contender.best = trial.score
        if is_point:
            point.cost = trial.cost
            contender.point = point
        else:
            contender.candidate = Candidate(None, model, label, own=trial.cost)


def _method(
    component: type[PointForecaster] | type[QuantileModel], config: TaskConfig
) -> dict[str, Any]:
    """The first training method that the task names for a network of this kind."""
    stage = component.training_stage
    chosen = config.training_methods.of(stage) if stage is not None else None
    return chosen[0].params() if chosen else {}


def _component(name: str) -> type[PointForecaster] | type[QuantileModel]:
    if name in quantile_models.built_in():
        return quantile_models.load(name)
    return forecasters.load(name)


def _score_point(point: PointFit, splits: Splits, config: TaskConfig, context: FitContext) -> float:
    """The loss of residual quantiles around the forecasts: comparable with direct quantiles."""
    model = quantile_models.create(REFERENCE_QUANTILE_MODEL)
    return _loss(splits, cross_fitted(model, point, splits, config, context))


def _loss(splits: Splits, quantiles: Floats) -> float:
    return mean_pinball(splits.validation.target(), quantiles, DENSE_LEVELS)


def _found(contenders: list[_Contender]) -> tuple[list[PointFit], list[Candidate]]:
    points = [c.point for c in contenders if c.point is not None]
    candidates = [c.candidate for c in contenders if c.candidate is not None]
    return points, candidates
