"""`AutoPQ.fit`, as the paper's figure shows it: audit, prepare, select, quantiles, search,
evaluate, calibrate, refit; a backtest of the winner comes before its refit.
Every step is somebody else's work; this file only says in which order."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch

from autopq.backtesting import RollingBacktest
from autopq.context import FitContext
from autopq.data.audit import audit
from autopq.data.history import tail
from autopq.data.origins import settled
from autopq.data.panel import Panel
from autopq.data.report import AuditReport
from autopq.data.splits import Splits, split
from autopq.data.table import read_table
from autopq.energy import EnergyMeter, create_meter
from autopq.fallback import fit_fallback
from autopq.finishing import Finish, forecasts_asked
from autopq.forecasters import registry as forecasters
from autopq.forecasters.representation import Views
from autopq.leaderboard import LeaderboardRow
from autopq.model import FittedModel
from autopq.observer import Observer, SilentObserver
from autopq.presets import REFERENCE_QUANTILE_MODEL, Effort, effort
from autopq.quantiles import registry as quantile_models
from autopq.search.board import annotated, leaderboard, winner
from autopq.search.budget import Budget, BudgetedObserver
from autopq.search.calibrate import conform
from autopq.search.candidates import fit_quantile_models, score, search_spreads
from autopq.search.cost import NOTHING, Cost, Workbench
from autopq.search.ensemble import select_ensemble
from autopq.search.points import PointFit, fit_out_of_fold, fit_points, richest
from autopq.search.refit import members
from autopq.search.reserve import Reserve
from autopq.search.store import SearchStore, WarmStart
from autopq.search.trials import local_runner
from autopq.search.trials.base import TrialRunner
from autopq.search.tuning import Search, tune
from autopq.search.variants import variants
from autopq.situation import history_rows
from autopq.task import TaskConfig
from autopq.training import check_methods
from training_methods.distributed import LocalRanks, RankLauncher


@dataclass(frozen=True)
class FitResult:
    """What a fit gives: the winner, every candidate's row, and what was found in the data."""

    model: FittedModel
    leaderboard: list[LeaderboardRow]
    audit: AuditReport
    # The limit of the task that ended the search or left something out, if one did.
    ended_by: str | None = None
    # What then is missing of the model: `correction`, `importance`, `backtest`, `refit`.
    left_out: tuple[str, ...] = ()
    backtest: RollingBacktest | None = None  # where the task asks for one and it could be made


class AutoPQ:
    """Probabilistic-forecasting AutoML after AutoPQ (Meisenbacher et al., arXiv 2412.00419).

    Selects a point forecaster and a quantile model on validation data and returns the pair that
    scores best. `meter` must be running if given; without one the fit runs its own. `device` is
    `auto`, `cpu` or a torch device name. Trials of hyper-parameters go to `runner`, by default one
    with as many processes as there are cores; with a `store` a search that was cut off goes on
    where it ended; `warm_start` are settings to try first. `ranks` starts the processes on which
    networks are trained together, which are children of this one by default; where others start
    them, trials run in this process, one at a time, if the task asks for such training. What was
    `spent` before the fit counts towards the task's limits.

    Raises InputError for training methods that the task cannot use.
    """

    def __init__(
        self,
        config: TaskConfig,
        *,
        observer: Observer | None = None,
        meter: EnergyMeter | None = None,
        device: str = "auto",
        runner: TrialRunner | None = None,
        store: SearchStore | None = None,
        warm_start: Sequence[WarmStart] = (),
        ranks: RankLauncher | None = None,
        spent: Cost = NOTHING,
    ) -> None:
        self.config = config
        self._effort: Effort = effort(config)
        check_methods(config)
        self._observer = observer or SilentObserver()
        self._meter = meter
        self._spent = spent
        name = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        launcher = ranks if config.training_methods.most_ranks > 1 else None
        self._context = FitContext(
            config.seed, self._observer, torch.device(name), ranks=launcher or LocalRanks()
        )
        # One GPU is not shared between processes, and a launcher of ranks stays where it was made.
        alone = launcher is not None or self._context.device.type == "cuda"
        workers = 1 if alone else config.trial_workers
        self._search = Search(runner or local_runner(workers), store, tuple(warm_start))

    def fit(self, table: pd.DataFrame | Path | str) -> FitResult:
        """Fit on a long table, or on the path of one (CSV, Parquet or Arrow).

        Raises InputError when the table does not fit the task, Stopped when the observer asks.
        """
        with ExitStack() as stack:
            meter = self._meter or stack.enter_context(create_meter(sink=self._observer.energy))
            budget = Budget(self.config, meter, spent=self._spent)
            # Fits of the search listen to the budget as well; a refit goes to its end.
            listening = BudgetedObserver(self._observer, budget)
            search = replace(self._context, observer=listening)
            return self._fit(table, Workbench(self._observer, meter, budget), search)

    def _fit(
        self, table: pd.DataFrame | Path | str, bench: Workbench, search: FitContext
    ) -> FitResult:
        with bench.phase("audit"):
            frame = table if isinstance(table, pd.DataFrame) else read_table(Path(table))
            panel, report = audit(frame, self.config)
            self.config = settled(self.config, panel)
        with bench.phase("prepare"):
            splits = self._split(panel)
            bench.plan(self._units())
            asked = forecasts_asked(self.config, panel)
            reserve = Reserve(splits, self.config, self._effort, self._context, bench, asked=asked)
            reserve.measure()
            views = self._choose_views(splits, bench)
            search = replace(search, views=views)
            context = replace(self._context, views=views)
        with bench.phase("select"):
            points, failed = fit_points(splits, self.config, self._effort, search, bench)
            tuned_points, tuned = tune(
                splits, self.config, self._effort, search, bench, self._search
            )
            points = sorted([*points, *tuned_points], key=lambda point: point.mae)
            self._out_of_fold(points, splits, search, bench)
        with bench.phase("quantiles"):
            for candidate in tuned:
                reserve.add(candidate)
            candidates = fit_quantile_models(
                points, splits, self._effort, self.config, search, bench, reserve
            )
            candidates += tuned
        with bench.phase("search"):
            search_spreads(candidates, splits, self._effort, self.config, search, bench, reserve)
        with bench.phase("evaluate"):
            score(candidates, splits, self.config, context, bench, reserve)
            ensemble = None
            if self._effort.ensemble:
                ensemble = select_ensemble(candidates, splits, self.config)
            chosen = winner(candidates, ensemble, self.config.prefer_cheaper_within)
        finish = Finish(chosen, panel, splits, self.config, context, bench, reserve)
        with bench.phase("calibrate"):
            best = ensemble if ensemble is not None and len(chosen) > 1 else chosen[0][0]
            correction = finish.correction(best)
            conformal = None
            if self.config.conformal:
                conformal = conform(best, splits, self.config, self._context)
            importance = finish.importance()
            rows = leaderboard(
                candidates, ensemble, failed, chosen, min_coverage=self.config.min_coverage
            )
            name = next(row.name for row in rows if row.chosen)
            bench.advance(1, f"{name} is chosen on validation")
        found = None
        if self.config.backtest is not None:
            found = finish.backtest(self.config.backtest, correction, conformal)
        if self.config.refit:
            finish.refit(self._effort)
        fallback = fit_fallback(panel, splits, self.config, self._context)
        kept = tail(panel, history_rows(panel, self.config.horizon, corrected=bool(correction)))
        model = FittedModel(self.config, members(chosen), kept, fallback, correction, conformal)
        ended_by, left_out = bench.ended_by, tuple(bench.left_out)
        rows = annotated(rows, ended_by=ended_by, left_out=left_out, importance=importance)
        return FitResult(model, rows, report, ended_by, left_out, found)

    def _choose_views(self, splits: Splits, bench: Workbench) -> Views:
        """How row-wise models see the series, chosen once for all of them."""
        with bench.trial("representation", {}) as trial:
            bounded = self.config.lower is not None and self.config.upper is not None
            views = Views.choose(
                splits.train, splits.validation, self._context, fixed_scale=bounded
            )
        bench.require(trial)
        return views

    def _split(self, panel: Panel) -> Splits:
        return split(
            panel,
            self.config,
            train_windows=self._effort.train_windows,
            validation_windows=self._effort.validation_windows,
            test_windows=self._effort.test_windows,
        )

    def _out_of_fold(
        self, points: list[PointFit], splits: Splits, context: FitContext, bench: Workbench
    ) -> None:
        """Out-of-fold forecasts of the best point forecasters, if a quantile model wants them."""
        models = [quantile_models.load(name) for name in self._effort.quantile_models]
        if any(model.needs_point == "out_of_fold" for model in models):
            for point in richest(points, self._effort):
                fit_out_of_fold(point, splits, self.config, self._effort, context, bench)

    def _units(self) -> float:
        """The work ahead, in steps that `Workbench.advance` counts; some may fall away."""
        effort, methods = self._effort, self.config.training_methods
        points = variants(map(forecasters.load, effort.forecasters), effort, methods)
        quantiles = variants(map(quantile_models.load, effort.quantile_models), effort, methods)
        models = [quantile_models.load(variant.name) for variant in quantiles]
        rich = min(effort.rich_forecasters, max(1, len(points) - 1))
        folds = effort.folds * rich * any(m.needs_point == "out_of_fold" for m in models)
        on_points = [len(points) if m.name == REFERENCE_QUANTILE_MODEL else rich for m in models]
        fits = [
            1 if model.needs_point == "none" else count
            for model, count in zip(models, on_points, strict=True)
        ]
        spreads = sum(count for model, count in zip(models, fits, strict=True) if model.has_spread)
        last = 1 + self.config.refit + (self.config.backtest is not None)
        return len(points) + folds + sum(fits) + spreads + effort.tuning_trials + last
