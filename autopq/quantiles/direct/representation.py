"""How a direct quantile model sees the series: relative to which level, with which features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Windows
from autopq.forecasters.features import LEVEL_OFFSETS, FeatureBuilder, LevelOffset
from autopq.forecasters.sampling import AUTO
from autopq.quantiles.direct.boosting import BinnedRows, boost_level

# Quick fits rank the options as full ones do. The levels stand for middle and both tails.
_LEVELS = (0.1, 0.5, 0.9)
_MAX_BIN = 63
_SETTINGS = {
    "learning_rate": 0.15,
    "num_leaves": 16,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "lambda_l2": 1.0,
    "max_bin": _MAX_BIN,
}
_ROUNDS = 60
_PATIENCE = 10
_DAY_OF_YEAR = "day_of_year"


@dataclass(frozen=True)
class Representation:
    """`level_offset` is what features and target are relative to (see `FeatureBuilder`). Without
    `day_of_year` a model cannot take the one summer it was trained on for all summers."""

    level_offset: LevelOffset
    day_of_year: bool

    @classmethod
    def choose(
        cls,
        train: Windows,
        validation: Windows,
        params: dict[str, Any],
        context: FitContext,
    ) -> Self:
        """The best on the validation windows among what `params` leave open ("auto"), by quick
        fits of boosted trees: the level offset first, then the calendar."""
        offset, calendar = params["level_offset"], params["day_of_year"]
        offsets = LEVEL_OFFSETS if offset == AUTO else (cast(LevelOffset, offset),)
        losses: dict[Self, float] = {}

        def best(options: Sequence[Self]) -> Self:
            if len(options) == 1:
                return options[0]
            for option in options:
                if option not in losses:
                    losses[option] = option._loss(
                        train, validation, int(params["choice_rows"]), context
                    )
            return min(options, key=losses.__getitem__)

        # Rows that tell nothing of the year leave nothing to choose, nor may a refit on a few
        # more rows bring in what was never validated.
        builder = FeatureBuilder.fit(train, offsets[0])
        if not any(name.startswith(_DAY_OF_YEAR) for name in builder.names):
            calendar = False
        with_year = calendar == AUTO or bool(calendar)
        chosen = best([cls(option, with_year) for option in offsets])
        return best([chosen, replace(chosen, day_of_year=False)]) if calendar == AUTO else chosen

    def builder(self, train: Windows) -> FeatureBuilder:
        """Features fitted on training windows."""
        builder = FeatureBuilder.fit(train, self.level_offset)
        if self.day_of_year:
            return builder
        kept = [i for i, name in enumerate(builder.names) if not name.startswith(_DAY_OF_YEAR)]
        return replace(
            builder,
            keep=builder.keep[kept],
            names=tuple(builder.names[i] for i in kept),
            groups=tuple(builder.groups[i] for i in kept),
        )

    def _loss(self, train: Windows, validation: Windows, rows: int, context: FitContext) -> float:
        """Mean validation pinball loss of quick fits, in units of the series' spread: comparable
        between offsets."""
        data = BinnedRows.of(self.builder(train), train, validation, rows, _MAX_BIN)
        fits = [
            boost_level(
                data, level, _SETTINGS, max_rounds=_ROUNDS, patience=_PATIENCE, context=context
            )
            for level in _LEVELS
        ]
        return float(np.mean([fit.loss for fit in fits]))
