"""The chosen members, fitted once more on all rows."""

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Panel, Windows
from autopq.data.splits import Splits, fit_windows
from autopq.members import Member
from autopq.presets import Effort
from autopq.search.candidates import Candidate
from autopq.search.cost import NOTHING, Cost, Workbench
from autopq.search.points import PointFit
from autopq.task import TaskConfig

_MORE_ROWS = 1.25


def refit(
    chosen: list[tuple[Candidate, float]],
    panel: Panel,
    splits: Splits,
    config: TaskConfig,
    effort: Effort,
    context: FitContext,
    bench: Workbench,
) -> None:
    """Fit the chosen members in place on all rows, for as long as their first fit found best.

    What was learned from validation targets (a spread, an error distribution) is kept: after the
    refit no honest forecasts are left to learn it from. Networks are kept as they are, with what
    stands on them: without validation rows to end their training they come out worse by more than
    newer rows bring.
    """
    everything = fit_windows(panel, config, effort.train_windows)
    # Quantile models first: those that learn from honest point forecasts take them from the first
    # fit, before the forecasters see the rows they forecast.
    for candidate, _ in _refitted(chosen):
        model, point = candidate.model, candidate.point
        with bench.trial(
            f"{candidate.name}/refit",
            {},
            forecaster=point.name if point else None,
            quantile_model=model.name,
            training_method=model.training_method,
        ) as trial:
            if point is not None and point.out_of_fold is not None:
                windows, points = _honest(splits, point)
                model.fit(windows, points, _none(windows), None, context)
            else:
                model.fit(everything, None, _none(everything), None, context)
        bench.require(trial)
    stood_on = {id(c.point): c.point for c, _ in _refitted(chosen) if c.point is not None}
    for point in stood_on.values():
        with bench.trial(
            f"{point.label}/refit",
            {},
            forecaster=point.name,
            training_method=point.forecaster.training_method,
        ) as trial:
            point.forecaster.fit(everything, None, context)
        bench.require(trial)


def _refitted(chosen: list[tuple[Candidate, float]]) -> list[tuple[Candidate, float]]:
    """The members without a network of their own or below them."""
    return [
        (candidate, weight)
        for candidate, weight in chosen
        if (candidate.model.training_stage != "quantile")
        and (candidate.point is None or candidate.point.forecaster.training_stage is None)
    ]


def refit_cost(chosen: list[tuple[Candidate, float]]) -> Cost:
    """What a refit takes at most: about what the first fits did, with some more rows."""
    refitted = _refitted(chosen)
    shared = {key: cost for c, _ in refitted for key, cost in c.shared.items()}
    return sum([*(c.own for c, _ in refitted), *shared.values()], NOTHING) * _MORE_ROWS


def members(chosen: list[tuple[Candidate, float]]) -> tuple[Member, ...]:
    """The chosen candidates as members of a fitted model."""
    return tuple(
        Member(candidate.point.forecaster if candidate.point else None, candidate.model, weight)
        for candidate, weight in chosen
    )


def _honest(splits: Splits, point: PointFit) -> tuple[Windows, Floats]:
    """All windows for which the forecaster has honest forecasts, and these."""
    assert point.out_of_fold is not None
    parts = (splits.train, splits.validation, splits.test)
    return Windows.joined(parts), np.concatenate([point.out_of_fold, point.validation, point.test])


def _none(windows: Windows) -> Windows:
    return windows.take(slice(0, 0))
