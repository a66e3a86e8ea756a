"""`update`: a fitted model on newer data, without starting over.

Nothing is searched or chosen again. Members without a network are fitted once more on all rows, for
as long as they were found to need; networks, what stands on them, and what was learned from
validation targets (error distributions, spreads, the correction) stay, as in the refit of a fit.
The model as it was is scored on the rows it has not seen: whether it still holds is known before
anybody relies on the new one.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from autopq.context import FitContext
from autopq.data.audit import audit
from autopq.data.history import tail
from autopq.data.panel import Ints, Panel, Windows
from autopq.data.splits import daily, fit_windows, held_out
from autopq.data.table import read_table
from autopq.energy import EnergyMeter, create_meter
from autopq.errors import InputError, Issue
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.evaluation.scores import evaluate
from autopq.forecasters.base import PointForecaster
from autopq.leaderboard import LeaderboardRow
from autopq.members import Member
from autopq.model import FittedModel
from autopq.observer import Observer, SilentObserver
from autopq.pipeline import FitResult
from autopq.presets import effort
from autopq.quantiles.base import QuantileModel
from autopq.search.board import ENSEMBLE
from autopq.search.cost import Cost, Workbench
from autopq.situation import history_rows
from autopq.task import TaskConfig


def update(
    model: FittedModel,
    table: pd.DataFrame | Path | str,
    *,
    observer: Observer | None = None,
    meter: EnergyMeter | None = None,
    device: str = "auto",
) -> FitResult:
    """The model on all rows of `table`: the rows it was fitted on, and newer ones. `model` itself
    stays as it is. The leaderboard has one row, whose test scores are those of `model` on windows
    that begin after its last row; they are empty where no whole window does.

    Raises InputError when the table does not fit the model's task, has other series, or nothing
    that is newer; Stopped when the observer asks.
    """
    listener = observer or SilentObserver()
    name = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    context = FitContext(model.config.seed, listener, torch.device(name))
    with ExitStack() as stack:
        bench = Workbench(
            listener, meter or stack.enter_context(create_meter(sink=listener.energy))
        )
        return _Update(model, context, bench).run(table)


class _Update:
    def __init__(self, model: FittedModel, context: FitContext, bench: Workbench) -> None:
        self._model, self._context, self._bench = model, context, bench
        self._config: TaskConfig = model.config
        self._cost = Cost()
        self._refitted: list[str] = []
        bench.plan(1 + sum(1 for _ in _parts(model.members)))

    def run(self, table: pd.DataFrame | Path | str) -> FitResult:
        model, bench = self._model, self._bench
        with bench.phase("audit"):
            frame = table if isinstance(table, pd.DataFrame) else read_table(Path(table))
            # The model knows its step and clock, as when it forecasts.
            stored = model.history
            known = {
                "freq": stored.freq.alias,
                "timezone": self._config.timezone or stored.timezone,
            }
            panel, report = audit(frame, self._config.model_copy(update=known))
            newer = _first_newer(stored, panel, self._config)
        with bench.phase("evaluate"):
            unseen, scores = self._score(panel, newer)
            bench.advance(1, f"scored on {len(unseen)} windows it has not seen")
        with bench.phase("refit"):
            members = self._refit(panel)
            fallback = self._fallback(panel)
        corrected = model.correction is not None
        updated = replace(
            model,
            members=members,
            history=tail(panel, history_rows(panel, self._config.horizon, corrected=corrected)),
            fallback=fallback,
        )
        rows = int((panel.lengths - newer).sum())
        return FitResult(updated, [self._row(rows, len(unseen), scores)], report)

    def _score(self, panel: Panel, newer: Ints) -> tuple[Windows, Mapping[str, float]]:
        """Windows that the model has not seen, and what it scores on them."""
        most = effort(self._config).test_windows
        unseen = daily(held_out(panel, newer, panel.lengths, self._config), most)
        if not len(unseen):
            return unseen, {}
        quantiles = self._model.quantiles(unseen)
        return unseen, evaluate(unseen.target(), quantiles, DENSE_LEVELS)

    def _refit(self, panel: Panel) -> tuple[Member, ...]:
        everything = fit_windows(panel, self._config, effort(self._config).train_windows)
        made: dict[int, PointForecaster | QuantileModel] = {}
        for part in _parts(self._model.members):
            made[id(part)] = self._on(part, everything)
            self._bench.advance(1, f"{part.name} is up to date")
        return tuple(_replaced(member, made) for member in self._model.members)

    def _on(
        self, part: PointForecaster | QuantileModel, windows: Windows
    ) -> PointForecaster | QuantileModel:
        """The part fitted on these windows, or as it is if a refit is not for it."""
        alone = isinstance(part, PointForecaster) or part.needs_point == "none"
        if part.training_stage is not None or not alone:
            return part
        fresh = type(part).from_state(part.state())
        labels = {
            "forecaster" if isinstance(fresh, PointForecaster) else "quantile_model": part.name
        }
        with self._bench.trial(f"{part.name}/refit", {}, **labels) as trial:
            if isinstance(fresh, PointForecaster):
                fresh.fit(windows, None, self._context)
            else:
                nothing = windows.take(slice(0, 0))
                fresh.fit(windows, None, nothing, None, self._context)
        self._bench.require(trial)
        self._cost += trial.cost
        self._refitted.append(part.name)
        return fresh

    def _fallback(self, panel: Panel) -> Member | None:
        fallback = self._model.fallback
        if fallback is None or fallback.forecaster is None:
            return fallback
        forecaster = type(fallback.forecaster).from_state(fallback.forecaster.state())
        forecaster.fit(fit_windows(panel, self._config), None, self._context)
        return replace(fallback, forecaster=forecaster)

    def _row(self, rows: int, windows: int, scores: Mapping[str, float]) -> LeaderboardRow:
        first = self._model.members[0]
        alone = len(self._model.members) == 1
        kept = [part.name for part in _parts(self._model.members)]
        methods = [part.training_method for part in _parts(self._model.members)]
        details: dict[str, Any] = {
            "new_rows": rows,
            "scored_windows": windows,
            "refitted": self._refitted,
            "kept": [name for name in kept if name not in self._refitted],
        }
        return LeaderboardRow(
            rank=1,
            name=_name(first) if alone else ENSEMBLE,
            forecaster=first.forecaster.name if alone and first.forecaster else None,
            quantile_model=first.quantile_model.name if alone else ENSEMBLE,
            training_method="+".join(dict.fromkeys(m for m in methods if m)) or None,
            reference=False,
            validation={},
            test=scores,
            seconds=self._cost.seconds,
            energy_wh=self._cost.energy_wh,
            chosen=True,
            details={
                "members": {_name(m): round(m.weight, 4) for m in self._model.members},
                "update": details,
            },
        )


def _name(member: Member) -> str:
    model = member.quantile_model.name
    return f"{member.forecaster.name}+{model}" if member.forecaster else model


def _parts(members: tuple[Member, ...]) -> Iterator[PointForecaster | QuantileModel]:
    """Forecasters and quantile models, each once, however many members share it."""
    seen: set[int] = set()
    for member in members:
        for part in (member.forecaster, member.quantile_model):
            if part is not None and id(part) not in seen:
                seen.add(id(part))
                yield part


def _replaced(member: Member, made: Mapping[int, Any]) -> Member:
    forecaster = member.forecaster and made[id(member.forecaster)]
    return replace(member, forecaster=forecaster, quantile_model=made[id(member.quantile_model)])


def _first_newer(history: Panel, panel: Panel, config: TaskConfig) -> Ints:
    """[S] first row of each series that the model has not seen. Raises InputError."""
    if panel.item_ids != history.item_ids:
        other = sorted({*panel.item_ids} ^ {*history.item_ids})[0]
        raise InputError(
            Issue(
                config.item_id or "item_id",
                f"the model was trained on {len(history.item_ids)} series, and not on these: "
                f"'{other}' is in one alone.",
                "Send the model's series, all of them; or start a job to learn others.",
            )
        )
    last = history.time[history.offsets + history.lengths - 1]
    newer = np.array(
        [
            np.searchsorted(panel.time[offset : offset + length], stamp, side="right")
            for offset, length, stamp in zip(panel.offsets, panel.lengths, last, strict=True)
        ],
        np.int64,
    )
    if (newer == panel.lengths).all():
        raise InputError(
            Issue(
                config.timestamp or "timestamp",
                f"no row is newer than the model's last one, {last.max()}.",
                "Append newer rows to the dataset first.",
            )
        )
    return newer
