"""What is kept back of a limited budget for all that follows the search, measured as it goes.

Before the search begins, climatology with residual quantiles is scored and calibrated: so much does
any candidate take beside its own forecasts. What these take, each candidate shows on a few windows
once it is fitted. One that could not be scored and put to use any more is let go at once.
"""

from collections.abc import Sequence
from heapq import nlargest

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.data.splits import Splits
from autopq.forecasters.climatology import Climatology
from autopq.members import dense_quantiles
from autopq.presets import RESERVE, Effort
from autopq.quantiles.residual import ResidualQuantiles
from autopq.search.calibrate import calibrate, conform
from autopq.search.candidates import Candidate, scored_parts
from autopq.search.cost import NOTHING, Cost, Workbench
from autopq.search.ensemble import MOST_PARTS
from autopq.search.points import point_fit
from autopq.search.refit import refit_cost
from autopq.search.variants import Variant
from autopq.task import TaskConfig

# Windows on which a candidate shows what its forecasts take.
_SHOWN = 32
# Picking the members of an average and scoring it takes as much as scoring so many candidates.
_AVERAGING = 3


class Reserve:
    """Of one fit. Without a limit of time or electricity nothing is measured and nothing kept.

    `asked` are forecasts that the task asks for beside those that score and calibrate.
    """

    def __init__(
        self,
        splits: Splits,
        config: TaskConfig,
        effort: Effort,
        context: FitContext,
        bench: Workbench,
        *,
        asked: int = 0,
    ) -> None:
        self._splits, self._config, self._context, self._bench = splits, config, context, bench
        self._asked = asked
        self._looked_up = 0  # forecasts that calibrating makes
        # Each kind with and without a tuned setting, where settings are tuned.
        self._members = MOST_PARTS * (2 if effort.tuned else 1) if effort.ensemble else 1
        self._rows = len(effort.forecasters) + len(effort.tuned)  # that will be scored at least
        self._scoring = self._calibrating = self.last = NOTHING
        self._a_forecast: dict[str, Cost] = {}  # by candidate, as are the following
        self._waiting: dict[str, Cost] = {}  # for their scores
        self._finals: dict[str, Cost] = {}  # what making it the model would take

    def measure(self) -> None:
        """What scoring and calibrating take beside the forecasts, on the simplest candidate."""
        if not self._bench.limited:
            return
        splits, config, context = self._splits, self._config, self._context
        forecaster, model = Climatology(), ResidualQuantiles()
        with self._bench.trial(f"{RESERVE}/fit", {}) as fitting:
            forecaster.fit(splits.train, splits.validation, context)
            variant = Variant(forecaster.name, forecaster.name)
            point = point_fit(variant, forecaster, splits, config, NOTHING)
            model.fit(splits.train, None, splits.validation, point.validation, context)
        self._bench.require(fitting)
        simplest = Candidate(point, model, model.name)
        with self._bench.trial(f"{RESERVE}/score", {}) as scoring:
            simplest.validation, simplest.test = scored_parts(simplest, splits, config, context)
        self._bench.require(scoring)

        def forecast(windows: Windows) -> Floats:
            self._looked_up += len(windows)
            points = point.points(windows, config)
            return dense_quantiles(model, windows, points, config, context.generator("score"))

        with self._bench.trial(f"{RESERVE}/calibrate", {}) as calibrating:
            calibrate(simplest, forecast, splits, config)
            if config.conformal:
                conform(simplest, splits, config, context)
        self._bench.require(calibrating)
        self._scoring, self._calibrating = scoring.cost, calibrating.cost
        self.last = fitting.cost * 2  # the fallback: fitted like this one, and once on all rows
        self._bench.keep(self._total())

    def add(self, candidate: Candidate) -> None:
        """Keep back what a fitted candidate will take; where that is no longer there, its error
        says so and nothing is kept, unless it is a reference."""
        if not self._bench.limited:
            return
        validation, point = self._splits.validation, candidate.point
        few = np.linspace(0, len(validation) - 1, min(_SHOWN, len(validation))).astype(np.int64)
        windows, rng = validation.take(few), self._context.generator("score")
        with self._bench.trial(
            f"{RESERVE}/{candidate.name}",
            {},
            forecaster=point.name if point else None,
            quantile_model=candidate.model.name,
            training_method=candidate.model.training_method,
        ) as trial:
            points = point.points(windows, self._config) if point else None
            dense_quantiles(candidate.model, windows, points, self._config, rng)
        each = trial.cost * (1 / len(windows))
        scored = len(validation) + len(self._splits.test)
        refitted = refit_cost([(candidate, 1.0)]) if self._config.refit else NOTHING
        self._a_forecast[candidate.name] = each
        self._waiting[candidate.name] = self._scoring + each * scored
        self._finals[candidate.name] = each * (self._looked_up + self._asked) + refitted
        self._bench.keep(self._total())
        if not candidate.reference and not self._bench.allows(NOTHING):
            candidate.error = f"not scored: {self._bench.ended_by} was reached"
            self.drop(candidate)

    def drop(self, candidate: Candidate) -> None:
        """Of a candidate that will not become the model nothing is kept."""
        self._waiting.pop(candidate.name, None)
        self._finals.pop(candidate.name, None)
        self._bench.keep(self._total())

    def begin_scoring(self, candidate: Candidate) -> Cost:
        """What its scores are expected to take, which is kept back no longer."""
        expected = self._waiting.pop(candidate.name, NOTHING)
        self._rows = 0  # all that there are have been fitted
        self._bench.keep(self._total())
        return expected

    def looking_up(self, chosen: Sequence[tuple[Candidate, float]]) -> Cost:
        """What the forecasts take that calibrate the chosen members."""
        return self.forecasting(chosen, self._looked_up)

    def forecasting(self, chosen: Sequence[tuple[Candidate, float]], forecasts: int) -> Cost:
        """What so many forecasts by the chosen members will take."""
        each = (self._a_forecast.get(candidate.name, NOTHING) for candidate, _ in chosen)
        return sum(each, NOTHING) * forecasts

    def backtesting(self, chosen: Sequence[tuple[Candidate, float]]) -> Cost:
        """What the forecasts that the task asks for will take."""
        return self.forecasting(chosen, self._asked)

    def _total(self) -> Cost:
        unknown = max(self._rows - len(self._waiting), 0)
        dearest = nlargest(self._members, self._finals.values(), key=lambda cost: cost.seconds)
        averaging = _AVERAGING if self._members > 1 else 0
        first = self._scoring * (unknown + averaging) + self._calibrating + self.last
        return sum([*self._waiting.values(), *dearest], first)
