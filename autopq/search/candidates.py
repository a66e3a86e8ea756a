"""Candidates: a point forecaster and a quantile model, fitted, its spread chosen, and scored."""

from dataclasses import dataclass, field

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.data.splits import Splits
from autopq.evaluation.grid import DENSE_LEVELS, monotone
from autopq.evaluation.scores import evaluate
from autopq.leaderboard import LeaderboardRow
from autopq.presets import REFERENCE_FORECASTER, REFERENCE_QUANTILE_MODEL, Effort
from autopq.quantiles import registry
from autopq.quantiles.base import QuantileModel
from autopq.quantiles.flow_cache import FlowCache
from autopq.search.cost import Cost, Workbench
from autopq.search.points import PointFit, clip
from autopq.search.spread import search_spread
from autopq.task import TaskConfig

SCORE = "mean_pinball"
_CHUNK = 200  # windows scored at once: bounds the memory of sample paths


@dataclass
class Candidate:
    """One row of the leaderboard in the making."""

    point: PointFit
    quantile_model: str
    model: QuantileModel | None = None
    validation: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    error: str | None = None

    @property
    def name(self) -> str:
        return f"{self.point.name}+{self.quantile_model}"

    @property
    def score(self) -> float:
        return self.validation.get(SCORE, np.inf)


def fit_quantile_models(
    points: list[PointFit],
    splits: Splits,
    effort: Effort,
    context: FitContext,
    bench: Workbench,
) -> list[Candidate]:
    """A fitted candidate for every combination the effort asks for. `points` come best first."""
    flows = FlowCache()
    candidates = []
    for rank, point in enumerate(points):
        for name in effort.quantile_models:
            if _worth_trying(name, point, rank, points, effort):
                candidates.append(_fit(name, point, splits, effort, flows, context, bench))
    return candidates


def _worth_trying(
    name: str, point: PointFit, rank: int, points: list[PointFit], effort: Effort
) -> bool:
    if name == REFERENCE_QUANTILE_MODEL:
        return True
    if registry.load(name).needs_point == "out_of_fold":
        return rank < effort.out_of_fold_forecasters
    # The reference forecaster carries the reference row; richer models go to the others, unless
    # there are none.
    return point.name != REFERENCE_FORECASTER or len(points) == 1


def _fit(
    name: str,
    point: PointFit,
    splits: Splits,
    effort: Effort,
    flows: FlowCache,
    context: FitContext,
    bench: Workbench,
) -> Candidate:
    candidate = Candidate(point, name, cost=point.cost)
    params = effort.params.get(name, {})
    model = registry.create(name, **params)
    with bench.trial(
        candidate.name,
        params,
        forecaster=point.name,
        quantile_model=name,
        training_method=model.training_method,
    ) as trial:
        model.use(flows)
        model.fit(splits.train, point.out_of_fold, splits.validation, point.validation, context)
    candidate.model, candidate.error = model, trial.error
    candidate.cost += trial.cost
    if model.needs_point == "out_of_fold" and name != REFERENCE_QUANTILE_MODEL:
        candidate.cost += point.out_of_fold_cost
    bench.advance(1, f"fitted {candidate.name}")
    return candidate


def search_spreads(
    candidates: list[Candidate],
    splits: Splits,
    effort: Effort,
    context: FitContext,
    bench: Workbench,
) -> None:
    """Choose the spread of every candidate whose model has one, on validation windows."""
    for candidate in candidates:
        if candidate.model is None or candidate.error or not candidate.model.has_spread:
            continue
        with bench.trial(
            f"{candidate.name}/spread",
            {},
            forecaster=candidate.point.name,
            quantile_model=candidate.quantile_model,
            training_method=candidate.model.training_method,
        ) as trial:
            trial.score = search_spread(
                candidate.model,
                splits.validation,
                candidate.point.validation,
                trials=effort.spread_trials,
                paths=effort.score_paths,
                context=context,
                bench=bench,
            )
            trial.params["spread"] = candidate.model.spread
        candidate.error = trial.error
        candidate.cost += trial.cost
        bench.advance(1, f"chose the spread of {candidate.name}")


def score(
    candidates: list[Candidate], splits: Splits, config: TaskConfig, context: FitContext
) -> None:
    """Validation and, where rows were held out, test scores of every candidate."""
    for candidate in candidates:
        model = candidate.model
        if model is None or candidate.error:
            continue
        if model.fits_on_validation:
            quantiles = _cross_fitted(candidate, splits, config, context)
        else:
            quantiles = predict(
                model, splits.validation, candidate.point.validation, config, context
            )
        candidate.validation = evaluate(splits.validation.target(), quantiles, DENSE_LEVELS)
        if len(splits.test):
            quantiles = predict(model, splits.test, candidate.point.test, config, context)
            candidate.test = evaluate(splits.test.target(), quantiles, DENSE_LEVELS)


def predict(
    model: QuantileModel,
    windows: Windows,
    points: Floats,
    config: TaskConfig,
    context: FitContext,
) -> Floats:
    """[n, H, Q] quantiles on the dense grid: ascending, inside the physical limits, the same
    whatever the chunks."""
    parts = []
    for first in range(0, len(windows), _CHUNK):
        chunk = slice(first, first + _CHUNK)
        rng = context.generator(f"predict/{first}")
        found = model.quantiles(windows.take(chunk), points[chunk], DENSE_LEVELS, rng)
        parts.append(clip(monotone(found), config))
    return np.concatenate(parts)


def _cross_fitted(
    candidate: Candidate, splits: Splits, config: TaskConfig, context: FitContext
) -> Floats:
    """Validation quantiles of a model that learns from validation targets: the earlier half is
    forecast by a fit on the later one and the other way round, so that no window is scored by a
    fit that saw it."""
    windows, points = splits.validation, candidate.point.validation
    quantiles = np.empty((len(windows), windows.horizon, len(DENSE_LEVELS)))
    early = windows.origin <= np.median(windows.origin)
    params = candidate.model.params if candidate.model else {}
    for held in (early, ~early):
        if not held.any() or held.all():
            held = np.ones(len(windows), bool)
        model = registry.create(candidate.quantile_model, **params)
        fitted = ~held if not held.all() else held
        model.fit(
            splits.train, candidate.point.out_of_fold, windows.take(fitted), points[fitted], context
        )
        quantiles[held] = predict(model, windows.take(held), points[held], config, context)
    return quantiles


def leaderboard(candidates: list[Candidate]) -> list[LeaderboardRow]:
    """Rows ranked by validation score; failed candidates come last, with their reason."""
    ranked = sorted(candidates, key=lambda candidate: candidate.score)
    return [
        LeaderboardRow(
            rank=rank,
            forecaster=candidate.point.name,
            quantile_model=candidate.quantile_model,
            training_method=_methods(candidate),
            reference=candidate.point.name == REFERENCE_FORECASTER
            or candidate.quantile_model == REFERENCE_QUANTILE_MODEL,
            validation=candidate.validation,
            test=candidate.test,
            seconds=candidate.cost.seconds,
            energy_wh=candidate.cost.energy_wh,
            spread=candidate.model.spread if candidate.model else None,
            error=candidate.error,
            details={
                "forecaster": candidate.point.forecaster.describe(),
                "quantile_model": candidate.model.describe() if candidate.model else {},
            },
        )
        for rank, candidate in enumerate(ranked, start=1)
    ]


def _methods(candidate: Candidate) -> str | None:
    """The training methods of the candidate's networks, joined where there are two."""
    used = [candidate.point.forecaster.training_method]
    if candidate.model is not None:
        used.append(candidate.model.training_method)
    return "+".join(dict.fromkeys(method for method in used if method)) or None
