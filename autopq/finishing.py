"""What becomes of the chosen members once they are chosen: calibrated, explained, backtested and
refitted, as far as the budget has room."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autopq.backtesting import RollingBacktest, backtest_chosen, most_windows
from autopq.context import FitContext
from autopq.data.panel import Floats, Panel, Windows
from autopq.data.splits import Splits
from autopq.evaluation.importance import Importance, forecasts_needed, permutation_importance
from autopq.model import FittedModel
from autopq.presets import Effort
from autopq.quantiles.conformal import ConformalIntervals
from autopq.quantiles.recent_errors import RecentErrorCorrection
from autopq.search.calibrate import calibrate
from autopq.search.candidates import Candidate
from autopq.search.cost import NOTHING, Workbench
from autopq.search.ensemble import Ensemble
from autopq.search.refit import members, refit, refit_cost
from autopq.search.reserve import Reserve
from autopq.task import BacktestPlan, TaskConfig


def forecasts_asked(config: TaskConfig, panel: Panel) -> int:
    """Forecasts that the task asks for of the chosen model, at most. A backtest forecasts each of
    its windows in quantiles and in paths."""
    plan, series = config.backtest, len(panel.lengths)
    return 2 * series * most_windows(config, plan, series) if plan is not None else 0


@dataclass(frozen=True)
class Finish:
    """The last steps of a fit. Each keeps back what those after it will take, and gives nothing
    where it is left out itself, which the workbench notes."""

    chosen: list[tuple[Candidate, float]]
    panel: Panel
    splits: Splits
    config: TaskConfig
    context: FitContext
    bench: Workbench
    reserve: Reserve

    def correction(self, best: Candidate | Ensemble) -> RecentErrorCorrection | None:
        """Of the errors of the members' latest forecasts, if it pays."""
        fitted = self._fitted()

        def forecast(windows: Windows) -> Floats:
            with self.bench.labelled("recent forecasts"):
                return fitted.quantiles(windows)

        def work() -> RecentErrorCorrection | None:
            with fitted.interruptible(self.bench.check_budget):
                return calibrate(best, forecast, self.splits, self.config)

        # What else it takes was kept back for it: a model is calibrated even if all before took a
        # little more than expected.
        self.bench.keep(self.reserve.last)
        return self.bench.attempt("correction", self.reserve.looking_up(self.chosen), work)

    def importance(self) -> Sequence[Importance]:
        """Of the groups of inputs, on test windows where there are any; none where that fails."""
        fitted = self._fitted()
        windows = self.splits.test if len(self.splits.test) else self.splits.validation

        def work() -> list[Importance]:
            found: list[Importance] = []
            check = self.bench.check_budget
            with self.bench.trial("importance", {}) as trial, fitted.interruptible(check):
                rng = self.context.generator("importance")
                found = permutation_importance(fitted.quantiles, windows, rng, check)
            self.bench.require_time(trial)
            return found

        again = refit_cost(self.chosen) if self.config.refit else NOTHING
        self.bench.keep(self.reserve.last + self.reserve.backtesting(self.chosen) + again)
        expected = self.reserve.forecasting(self.chosen, forecasts_needed(windows))
        return self.bench.attempt("importance", expected, work) or ()

    def backtest(
        self,
        plan: BacktestPlan,
        correction: RecentErrorCorrection | None,
        conformal: ConformalIntervals | None,
    ) -> RollingBacktest | None:
        """Of the members before their refit; None where it fails, which costs no model: its trial
        says why."""
        model = replace(self._fitted(), correction=correction, conformal=conformal)

        def work() -> RollingBacktest | None:
            found = None
            check = self.bench.check_budget
            with self.bench.phase("backtest"):
                with (
                    self.bench.trial("backtest", plan.model_dump()) as trial,
                    model.interruptible(check),
                ):
                    found = backtest_chosen(model, self.panel, self.splits.i_test, plan)
                self.bench.require_time(trial)
                self.bench.advance(1, "forecast the rows held out")
            return found

        self.bench.keep(self.reserve.last)
        return self.bench.attempt("backtest", self.reserve.backtesting(self.chosen), work)

    def refit(self, effort: Effort) -> None:
        """Of the members in place; what has begun is not stopped, so that none is half refitted."""

        def work() -> None:
            with self.bench.phase("refit"):
                refit(
                    self.chosen,
                    self.panel,
                    self.splits,
                    self.config,
                    effort,
                    self.context,
                    self.bench,
                )
                self.bench.advance(1, "refitted on all rows")

        self.bench.keep(self.reserve.last)
        self.bench.attempt("refit", refit_cost(self.chosen), work)

    def _fitted(self) -> FittedModel:
        return FittedModel(self.config, members(self.chosen), self.panel)
