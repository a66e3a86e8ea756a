"""Candidates: a quantile model on a point forecaster or on none, fitted, its spread chosen, and
scored."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.data.splits import Splits
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.evaluation.scores import evaluate
from autopq.members import dense_quantiles
from autopq.presets import REFERENCE_FORECASTER, REFERENCE_QUANTILE_MODEL, Effort
from autopq.quantiles import registry
from autopq.quantiles.base import QuantileModel, interruptible
from autopq.quantiles.conformal import ConformalIntervals
from autopq.quantiles.flow_cache import FlowCache
from autopq.quantiles.recent_errors import RecentErrorCorrection
from autopq.search.cost import Cost, Workbench
from autopq.search.points import PointFit, not_tried, richest
from autopq.search.spread import search_spread
from autopq.search.variants import Variant, variants
from autopq.task import TaskConfig

if TYPE_CHECKING:
    from autopq.search.reserve import Reserve

SCORE = "mean_pinball"


@dataclass
class Scored:
    """Quantiles [n, H, Q] of one part of the data on the dense grid, and their scores."""

    quantiles: Floats
    scores: dict[str, float]


@dataclass
class Candidate:
    """One row of the leaderboard in the making."""

    point: PointFit | None
    model: QuantileModel
    model_label: str
    own: Cost = field(default_factory=Cost)  # of work no other candidate can use
    shared: dict[str, Cost] = field(default_factory=dict)  # of parts others may stand on as well
    validation: Scored | None = None
    test: Scored | None = None
    error: str | None = None
    correction: RecentErrorCorrection | None = None
    conformal: ConformalIntervals | None = None
    warm_start: str | None = None  # where the model's setting did well before
    searched: bool = False  # whether the model's own setting was

    @property
    def tuned(self) -> bool:
        """Whether any of its settings was chosen on the validation windows."""
        return self.searched or (self.point is not None and self.point.searched)

    @property
    def name(self) -> str:
        return f"{self.point.label}+{self.model_label}" if self.point else self.model_label

    @property
    def cost(self) -> Cost:
        """What this candidate alone would have taken."""
        return sum(self.shared.values(), self.own)

    @property
    def reference(self) -> bool:
        """Whether it is one of the simple rows that always run, for comparison."""
        on_reference = self.point is not None and self.point.name == REFERENCE_FORECASTER
        return on_reference or self.model.name == REFERENCE_QUANTILE_MODEL

    @property
    def score(self) -> float:
        return self.validation.scores[SCORE] if self.validation else float("inf")

    @property
    def training_methods(self) -> str | None:
        """The training methods of its networks, joined where there are two."""
        used = [self.point.forecaster.training_method] if self.point else []
        used.append(self.model.training_method)
        return "+".join(dict.fromkeys(method for method in used if method)) or None


def fit_quantile_models(
    points: list[PointFit],
    splits: Splits,
    effort: Effort,
    config: TaskConfig,
    context: FitContext,
    bench: Workbench,
    reserve: "Reserve",
) -> list[Candidate]:
    """A fitted candidate for every combination the effort asks for. `points` come best first."""
    flows = FlowCache()
    trained: dict[str, Cost] = {}
    found = []
    classes = [registry.load(name) for name in effort.quantile_models]
    for variant in variants(classes, effort, config.training_methods):
        model = registry.load(variant.name)
        found += [
            _fit(variant, point, splits, flows, trained, context, bench, reserve)
            for point in _standing_on(model, points, effort)
        ]
    return found


def _standing_on(
    model: type[QuantileModel], points: list[PointFit], effort: Effort
) -> list[PointFit | None]:
    """The point forecasters a quantile model is tried on; [None] for one that needs none."""
    if model.needs_point == "none":
        return [None]
    if model.name == REFERENCE_QUANTILE_MODEL:
        return list(points)
    chosen = richest(points, effort)
    if model.needs_point == "out_of_fold":
        # With neither, it would see the blocks that its fits leave out.
        chosen = [p for p in chosen if p.out_of_fold is not None or p.out_of_fold_error is not None]
    return list(chosen)


def _fit(
    variant: Variant,
    point: PointFit | None,
    splits: Splits,
    flows: FlowCache,
    trained: dict[str, Cost],
    context: FitContext,
    bench: Workbench,
    reserve: "Reserve",
) -> Candidate:
    model = registry.create(variant.name, **variant.params)
    candidate = Candidate(point, model, variant.label)
    if model.needs_point == "out_of_fold" and point is not None and point.out_of_fold is None:
        candidate.error = point.out_of_fold_error
        return candidate
    if variant.name != REFERENCE_QUANTILE_MODEL:
        if bench.exhausted:
            candidate.error = not_tried(bench)
            return candidate
        bench.count_trial()
    with bench.trial(
        candidate.name,
        variant.params,
        forecaster=point.name if point else None,
        quantile_model=variant.name,
        training_method=model.training_method,
    ) as trial:
        flows.used = None
        model.use(flows)
        out_of_fold = point.out_of_fold if point else None
        honest = point.validation if point else None
        model.fit(splits.train, out_of_fold, splits.validation, honest, context)
    candidate.error = trial.error
    if flows.used is None:
        candidate.own = trial.cost
    else:
        # The first to need the flow trains it; who finds it trained would have had to as well.
        candidate.shared[flows.used] = trained.setdefault(flows.used, trial.cost)
    if point is not None:
        candidate.shared[point.label] = point.cost
        if model.needs_point == "out_of_fold":
            candidate.shared[f"{point.label}/folds"] = point.out_of_fold_cost
    if candidate.error is None:
        reserve.add(candidate)
    bench.advance(1, f"fitted {candidate.name}")
    return candidate


def search_spreads(
    candidates: list[Candidate],
    splits: Splits,
    effort: Effort,
    config: TaskConfig,
    context: FitContext,
    bench: Workbench,
    reserve: "Reserve",
) -> None:
    """Choose the spread of every candidate whose model has one, on validation windows."""
    for candidate in candidates:
        model, point = candidate.model, candidate.point
        if candidate.error or point is None or not model.has_spread:
            continue
        if bench.should_stop():
            bench.check_stop()
            candidate.error = f"its spread could not be searched: {bench.ended_by} was reached"
            reserve.drop(candidate)
            continue
        with bench.trial(
            f"{candidate.name}/spread",
            {},
            forecaster=point.name,
            quantile_model=model.name,
            training_method=model.training_method,
        ) as trial:
            trial.score = search_spread(
                model,
                splits.validation,
                point.validation,
                forecaster=point.name,
                candidate=candidate.name,
                trials=effort.spread_trials,
                paths=effort.score_paths,
                context=context,
                bench=bench,
                lower=config.lower,
                upper=config.upper,
            )
            trial.params["spread"] = model.spread
        candidate.error = trial.error
        candidate.own += trial.cost
        bench.advance(1, f"chose the spread of {candidate.name}")


def score(
    candidates: list[Candidate],
    splits: Splits,
    config: TaskConfig,
    context: FitContext,
    bench: Workbench,
    reserve: "Reserve",
) -> None:
    """Validation and, where rows were held out, test scores of every candidate: of the references
    first and whatever the budget, of the others where it has room for them."""
    for candidate in sorted(candidates, key=lambda candidate: not candidate.reference):
        if candidate.error:
            continue
        expected = reserve.begin_scoring(candidate)
        if not candidate.reference and not bench.allows(expected):
            candidate.error = f"not scored: {bench.ended_by} was reached"
            reserve.drop(candidate)
            continue
        check_stop = bench.check_stop if candidate.reference else bench.check_budget
        with (
            bench.trial(
                f"{candidate.name}/score",
                {},
                forecaster=candidate.point.name if candidate.point else None,
                quantile_model=candidate.model.name,
                training_method=candidate.model.training_method,
            ) as trial,
            interruptible([candidate.model], check_stop),
        ):
            parts = scored_parts(candidate, splits, config, context)
            candidate.validation, candidate.test = parts
            trial.score = candidate.score
        candidate.error = trial.error
        if trial.error:
            reserve.drop(candidate)


def scored_parts(
    candidate: Candidate, splits: Splits, config: TaskConfig, context: FitContext
) -> tuple[Scored, Scored | None]:
    """A candidate's scores on validation and, where rows were held out, on test windows."""
    validation = _validation(candidate, splits, config, context)
    if not len(splits.test):
        return validation, None
    points = candidate.point.test if candidate.point else None
    rng = context.generator("score")
    found = dense_quantiles(candidate.model, splits.test, points, config, rng)
    return validation, scored(splits.test, found)


def scored(windows: Windows, quantiles: Floats) -> Scored:
    """Quantiles on the dense grid with their scores on the windows' targets."""
    return Scored(quantiles, evaluate(windows.target(), quantiles, DENSE_LEVELS))


def _validation(
    candidate: Candidate, splits: Splits, config: TaskConfig, context: FitContext
) -> Scored:
    windows, point = splits.validation, candidate.point
    if not candidate.model.fits_on_validation or len(windows) < 2:
        points = point.validation if point else None
        rng = context.generator("score")
        return scored(windows, dense_quantiles(candidate.model, windows, points, config, rng))
    points, folds = (point.validation, point.out_of_fold) if point else (None, None)
    return scored(windows, cross_fitted(candidate.model, points, folds, splits, config, context))


def cross_fitted(
    fitted: QuantileModel,
    points: Floats | None,
    train_points: Floats | None,
    splits: Splits,
    config: TaskConfig,
    context: FitContext,
) -> Floats:
    """[n, H, Q] validation quantiles of a model that learns from validation targets, by fits that
    did not see them: the earlier half is forecast by a fit on the later one, and the other way
    round. `points` are the validation windows', `train_points` those of the training windows where
    the model needs them."""
    windows = splits.validation
    rng = context.generator("score")
    quantiles = np.empty((len(windows), windows.horizon, len(DENSE_LEVELS)))
    early = np.arange(len(windows)) < len(windows) // 2
    early[np.argsort(windows.panel.time[windows.start], kind="stable")] = early.copy()
    for held in (early, ~early):
        model = registry.create(fitted.name, **fitted.params)
        kept, given = windows.take(~held), None if points is None else points[~held]
        model.fit(splits.train, train_points, kept, given, context)
        asked = None if points is None else points[held]
        quantiles[held] = dense_quantiles(model, windows.take(held), asked, config, rng)
    return quantiles
