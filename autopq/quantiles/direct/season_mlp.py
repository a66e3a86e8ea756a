"""`mlp_season_quantile`: a network that forecasts all steps of a season at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import State
from autopq.forecasters.features import FeatureBuilder, Rows
from autopq.forecasters.standardizer import Singles
from autopq.quantiles.direct.mlp import MLPQuantiles

# Of what differs from step to step, a season is shown these: the rest says the same again once
# all steps are seen together.
_HISTORY_BY_STEP = ("season_1_before", "season_2_before", "long_season_1_before", "same_type_mean")
# Columns that are the same for all steps of a window begin with one of these.
_ONCE = ("value_", "mean_", "spread_", "change_over_", "season_spread")


@dataclass(frozen=True)
class _Columns:
    """Positions among a builder's columns of what is shown of the first step alone, of the first
    and the last, and of every step."""

    first: list[int]
    ends: list[int]
    every: list[int]

    @classmethod
    def of(cls, builder: FeatureBuilder) -> "_Columns":
        columns = cls([], [], [])
        for i, (name, group) in enumerate(zip(builder.names, builder.groups, strict=True)):
            if group == "calendar":
                columns.ends.append(i)
            elif group == f"covariate:{name}":
                columns.every.append(i)
            elif group in ("step", "static"):
                columns.first.append(i)
            elif not group.startswith("covariate:"):
                if name in _HISTORY_BY_STEP:
                    columns.every.append(i)
                elif name.startswith(_ONCE):
                    columns.first.append(i)
        return columns


class SeasonMLPQuantiles(MLPQuantiles):
    """A multilayer perceptron that sees a season of every window at once (a day of hours): the
    known covariates of all its steps, recent values and seasons before; and answers with the
    quantiles of all these steps. A gust that comes an hour early is then one event, not 24.

    A horizon longer than a season is forecast season by season, the last one up to its end; one
    that is shorter, as a whole. Parameters are those of `mlp_quantile`. It learns from the paper's
    benchmark QRNN (Meisenbacher et al. 2024), which sees the whole day, too.
    """

    name = "mlp_season_quantile"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            **super().defaults(),
            "seeds": 4,
            "hidden": 256,
            "batch_size": 64,
            "max_epochs": 30,
            "max_rows": 96_000,
        }

    @property
    def outputs(self) -> tuple[int, ...]:
        return (self._steps, len(self.levels))

    def inputs(self, rows: Rows) -> Singles:
        n, horizon = rows.offset.shape
        x = rows.x.reshape(n, horizon, -1)
        columns = _Columns.of(self._builder)
        ends = [*columns.first, *columns.ends]
        seasons = [
            np.concatenate(
                [
                    x[:, steps.start, ends],
                    x[:, steps.stop - 1, columns.ends],
                    x[:, steps, columns.every].reshape(n, -1),
                ],
                axis=1,
            )
            for steps in self._seasons(horizon)
        ]
        return np.stack(seasons, axis=1).reshape(n * len(seasons), -1)

    def targets(self, relative: Floats) -> Floats:
        seasons = [relative[:, steps] for steps in self._seasons(relative.shape[1])]
        return np.stack(seasons, axis=1).reshape(-1, seasons[0].shape[1])

    def by_row(self, found: Floats, horizon: int) -> Floats:
        seasons = self._seasons(horizon)
        blocks = found.reshape(-1, len(seasons), *found.shape[1:])
        by_step = np.empty((len(blocks), horizon, found.shape[-1]))
        for k, steps in enumerate(seasons):
            by_step[:, steps] = blocks[:, k]
        return by_step.reshape(-1, found.shape[-1])

    def regression_state(self) -> State:
        state = super().regression_state()
        return State(state.arrays, {**state.meta, "steps": self._steps})

    def restore_regression(self, state: State) -> None:
        self._steps = int(state.meta["steps"])
        super().restore_regression(state)

    def _train(
        self,
        train: Windows,
        validation: Windows | None,
        epochs: list[int],
        context: FitContext,
    ) -> list[int]:
        self._steps = min(train.panel.freq.season, train.horizon)
        return super()._train(train, validation, epochs, context)

    def _seasons(self, horizon: int) -> list[slice]:
        """The steps of a horizon in parts of a season; the last one ends with the horizon."""
        firsts = [*range(0, horizon - self._steps, self._steps), horizon - self._steps]
        return [slice(first, first + self._steps) for first in firsts]
