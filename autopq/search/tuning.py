"""Joint search over components and their hyper-parameters: successive halving over components,
Optuna within each.

Every rung gives all components that are left the same number of settings to try, then drops the
worse half by best validation score; the last one gets what remains. Settings are proposed by
TPE (Optuna), one study a component, so that conditional spaces need no dummy values.

Trials go to a runner in rounds of a fixed size, and a round is proposed from what the rounds before
it found: what is tried depends on the seed, not on how many trials run side by side or in which
order they end.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autopq.context import FitContext
from autopq.data.splits import Splits
from autopq.forecasters.base import PointForecaster
from autopq.presets import Effort
from autopq.quantiles.base import QuantileModel
from autopq.search.candidates import Candidate
from autopq.search.cost import TrialResult, Workbench
from autopq.search.fitting import FitSetting, load_component
from autopq.search.points import PointFit, point_fit
from autopq.search.rungs import ROUND, rungs
from autopq.search.store import SearchStore, WarmStart
from autopq.search.study import Study, open_storage
from autopq.search.trials.base import TrialRequest, TrialRunner
from autopq.search.variants import Variant
from autopq.task import TaskConfig


@dataclass(frozen=True)
class Search:
    """Where trials run, what they are kept in, and what is already known of good settings."""

    runner: TrialRunner
    store: SearchStore | None = None
    warm_start: tuple[WarmStart, ...] = ()


def tune(
    splits: Splits,
    config: TaskConfig,
    effort: Effort,
    context: FitContext,
    bench: Workbench,
    search: Search,
) -> tuple[list[PointFit], list[Candidate]]:
    """The best fit of every component that a setting beyond its defaults was tried of: point
    forecasters, and quantile models that stand without one. Ends early where the budget does."""
    plan = rungs(len(effort.tuned), effort.tuning_trials)
    if not plan:
        return [], []
    work = FitSetting(splits, config, context.seed, context.device, context.views, context.ranks)
    search.runner.open(work)
    studies = _studies(splits, config, effort, context, search)
    try:
        _halve(studies, plan, config, effort, bench, search.runner)
    finally:
        search.runner.close()
    return _found(studies, splits, config)


def _halve(
    studies: list[Study],
    plan: list[int],
    config: TaskConfig,
    effort: Effort,
    bench: Workbench,
    runner: TrialRunner,
) -> None:
    """All rungs, or those that the budget allows."""
    left, first = list(studies), 0
    for number in plan:
        for begin in range(first, first + number, ROUND):
            end = min(begin + ROUND, first + number)
            if not _round(left, begin, end, config, effort, bench, runner):
                return
        first += number
        left = sorted(left, key=_score)[: max(1, len(left) // 2)]


def _studies(
    splits: Splits, config: TaskConfig, effort: Effort, context: FitContext, search: Search
) -> list[Study]:
    store = search.store
    storage = open_storage(store)
    prefix, folder = "", None
    if store is not None:
        fingerprint = _fingerprint(splits, config)
        prefix, folder = f"{store.name}{fingerprint}/", store.folder / fingerprint
    studies = []
    for name in effort.tuned:
        study = Study(
            name,
            int(context.generator(f"tuning/{name}").integers(2**31)),
            storage,
            prefix,
            folder,
        )
        known = [warm for warm in search.warm_start if warm.component == name]
        study.start_from(known, load_component(name).search_space)
        studies.append(study)
    return studies


def _fingerprint(splits: Splits, config: TaskConfig) -> str:
    """Of all that a trial's outcome depends on: a search goes on only on the same data and task.
    Budgets and workers may change in between."""
    panel = splits.train.panel
    open_to_change = {"time_limit", "energy_limit_wh", "max_trials", "trial_workers"}
    task = config.model_dump_json(exclude=open_to_change)
    digest = hashlib.sha256(task.encode())
    digest.update(str(panel.timezone).encode())
    arrays = [panel.target, panel.covariates, panel.time, panel.local_time, panel.offsets]
    if panel.statics is not None:
        arrays.append(panel.statics.values)
    if panel.vintages is not None:
        vintages = panel.vintages
        arrays += [vintages.row, vintages.available, vintages.values]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _round(
    studies: Sequence[Study],
    begin: int,
    end: int,
    config: TaskConfig,
    effort: Effort,
    bench: Workbench,
    runner: TrialRunner,
) -> bool:
    """Run trials `begin` to `end` of every study, but those that an earlier run finished; False
    when the budget ended it."""
    asked: list[tuple[Study, int, TrialRequest]] = []
    for study in studies:
        for number in range(begin, end):
            if bench.exhausted:
                break
            bench.count_trial()
            request = _request(study, number, study.ceilings(begin), config, effort)
            told = study.told(number)
            if told is None:
                asked.append((study, number, request))
            else:
                score = float("nan") if told.score is None else told.score
                result = TrialResult(score, request.params, told.cost, told.error)
                bench.report(request, result, earlier=True)
                bench.advance(1, f"{request.name} was tried before")
    for finished in runner.run([request for _, _, request in asked], bench):
        study, number, request = asked[finished.index]
        result = bench.result(request, finished)
        # One that a limit stopped is still to be run: limits may change between attempts.
        if not finished.outcome.stopped:
            study.tell(number, finished.outcome, result.cost, result.error)
        # Not before: what was reported and not kept would be run and reported again.
        bench.report(request, result)
        bench.advance(1, f"tried {request.name}")
    # A stop while nothing ran left no trial to tell of it.
    bench.check_stop()
    return not bench.exhausted


def _request(
    study: Study, number: int, ceilings: tuple[float, ...], config: TaskConfig, effort: Effort
) -> TrialRequest:
    name = study.component
    component = load_component(name)
    params = {
        **effort.params.get(name, {}),
        **_method(component, config),
        **study.ask(number, component.search_space),
    }
    is_point = issubclass(component, PointForecaster)
    return TrialRequest(
        study.label(number),
        name,
        params,
        ceilings,
        forecaster=name if is_point else None,
        quantile_model=None if is_point else name,
        training_method=component(**params).training_method,
        warm_start=study.source(number),
    )


def _method(
    component: type[PointForecaster] | type[QuantileModel], config: TaskConfig
) -> dict[str, Any]:
    """The first training method that the task names for a network of this kind."""
    stage = component.training_stage
    chosen = config.training_methods.of(stage) if stage is not None else None
    return chosen[0].params() if chosen else {}


def _score(study: Study) -> float:
    if study.best is None or study.best.score is None:
        return float("inf")
    return study.best.score


def _found(
    studies: Sequence[Study], splits: Splits, config: TaskConfig
) -> tuple[list[PointFit], list[Candidate]]:
    """The best fits, from their states."""
    points, candidates = [], []
    for study in studies:
        if study.best is None or study.state is None:
            continue
        label = study.label(study.best.number)
        component = load_component(study.component)
        if issubclass(component, PointForecaster):
            forecaster = component.from_state(study.state)
            variant = Variant(study.component, label, forecaster.params)
            point = point_fit(variant, forecaster, splits, config, study.best.cost)
            points.append(replace(point, warm_start=study.best.source, searched=True))
        else:
            model = component.from_state(study.state)
            source = study.best.source
            candidates.append(
                Candidate(None, model, label, study.best.cost, warm_start=source, searched=True)
            )
    return points, candidates
