"""How row-wise models see a series: relative to which level, in which unit, how far back, with
which features."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Windows
from autopq.forecasters.boosting import BinnedRows, Objective, boost
from autopq.forecasters.features import (
    LEVEL_OFFSETS,
    LONG_HISTORY,
    UNITS,
    FeatureBuilder,
    LevelOffset,
    Unit,
)
from autopq.forecasters.sampling import AUTO

Reach = Literal["long", "short"]
REACHES: tuple[Reach, ...] = get_args(Reach)

# Quick fits rank the options as full ones do. Their levels stand for middle and both tails.
_OBJECTIVES = tuple(Objective("quantile", level) for level in (0.1, 0.5, 0.9))
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
_ROWS = 12_000
_DAY_OF_YEAR = "day_of_year"
_PARAMETERS = ("level_offset", "unit", _DAY_OF_YEAR, "reach")
# A fixed unit that is better by less than this share of the loss is not trusted alone.
_FIXED_UNIT_GAIN = 0.05
# What the day of the year has to bring: a year or two of training rows hold each day but once or
# twice, and a gain in the noise is more likely one season's weather than the year's course.
_YEAR_GAIN = 0.005
# Weeks of history are given up by trees, which pick their columns, for this share of the loss; by
# networks, which use all of them, as soon as it costs less than this share.
_SHORT_REACH_GAIN = 0.01
_SHORT_REACH_COST = 0.005


@dataclass(frozen=True)
class Representation:
    """`level_offset` and `unit` are what features and target are relative to and divided by (see
    `FeatureBuilder`). Without `day_of_year` a model cannot take the one summer it was trained on
    for all summers. With a short `reach` it sees little more than the last two seasons: where the
    covariates say most, older values are noise."""

    level_offset: LevelOffset = "recent_mean"
    unit: Unit = "recent"
    day_of_year: bool = False
    reach: Reach = "long"

    @classmethod
    def settle(
        cls,
        params: Mapping[str, Any],
        train: Windows,
        validation: Windows,
        context: FitContext,
        *,
        network: bool = False,
    ) -> Self:
        """What a component's parameters ask for; where they leave all open ("auto"), what was
        chosen for the whole fit, if it was. The rest is chosen here."""
        wanted = {name: params.get(name, AUTO) for name in _PARAMETERS}
        if context.views is not None and all(value == AUTO for value in wanted.values()):
            return cls(**vars(context.views.networks if network else context.views.trees))
        search = _Search(train, validation, context)
        reach = wanted.pop("reach")
        found = search.best(*search.options(**wanted))
        if reach == AUTO:
            return cls(**vars(search.with_reach(found, network=network)))
        return cls(**vars(replace(found, reach=_among(REACHES, reach)[0])))

    @classmethod
    def untuned(cls, params: Mapping[str, Any]) -> Self:
        """What the parameters give, and the defaults where nothing was validated."""
        given = {name: params[name] for name in _PARAMETERS if params.get(name, AUTO) != AUTO}
        return cls(**given)

    @classmethod
    def of(cls, builder: FeatureBuilder) -> Self:
        """What a builder was made from."""
        told = any(name.startswith(_DAY_OF_YEAR) for name in builder.names)
        reach: Reach = "long" if "same_type_mean" in builder.names else "short"
        return cls(builder.level_offset, builder.unit, told, reach)

    def builder(self, train: Windows) -> FeatureBuilder:
        """Features fitted on training windows."""
        builder = FeatureBuilder.fit(train, self.level_offset, self.unit)
        kept = [
            i
            for i, (name, group) in enumerate(zip(builder.names, builder.groups, strict=True))
            if (self.day_of_year or not name.startswith(_DAY_OF_YEAR))
            and (self.reach == "long" or group != LONG_HISTORY)
        ]
        return replace(
            builder,
            keep=builder.keep[kept],
            names=tuple(builder.names[i] for i in kept),
            groups=tuple(builder.groups[i] for i in kept),
        )


@dataclass(frozen=True)
class Views:
    """How the trees and how the networks of a fit see its series."""

    trees: Representation
    networks: Representation

    @classmethod
    def choose(
        cls, train: Windows, validation: Windows, context: FitContext, *, fixed_scale: bool
    ) -> Self:
        """The best on the validation windows; with a `fixed_scale`, among fixed units alone.

        A fixed unit looks better than it is while the spread stands still, and breaks when it
        moves, which calm validation weeks cannot tell. Where it is better by a little only,
        networks are given the recent unit all the same: the two kinds then fail at different
        times, and their average at neither.
        """
        search = _Search(train, validation, context)
        fixed = search.best(*search.options(unit="series"))
        if fixed_scale:
            return cls(search.with_reach(fixed), search.with_reach(fixed, network=True))
        recent = search.best(*search.options(unit="recent"))
        loss, recent_loss = search.loss(fixed), search.loss(recent)
        trees = recent if recent_loss <= loss else fixed
        networks = fixed if loss < recent_loss * (1 - _FIXED_UNIT_GAIN) else recent
        return cls(search.with_reach(trees), search.with_reach(networks, network=True))


class _Search:
    """Quick fits of boosted trees, each made once."""

    def __init__(self, train: Windows, validation: Windows, context: FitContext) -> None:
        self._train, self._validation, self._context = train, validation, context
        self._losses: dict[Representation, float] = {}

    def options(
        self, level_offset: str = AUTO, unit: str = AUTO, day_of_year: str | bool = AUTO
    ) -> tuple[list[Representation], bool]:
        """What is left open of levels and units, and whether the calendar is open too."""
        offsets, units = _among(LEVEL_OFFSETS, level_offset), _among(UNITS, unit)
        # Rows that tell nothing of the year leave nothing to choose, nor may a refit on a few
        # more rows bring in what was never validated.
        builder = FeatureBuilder.fit(self._train, offsets[0])
        told = any(name.startswith(_DAY_OF_YEAR) for name in builder.names)
        with_year = told and day_of_year is not False
        found = [Representation(o, u, with_year) for u in units for o in offsets]
        return found, with_year and day_of_year == AUTO

    def best(self, options: list[Representation], calendar_open: bool) -> Representation:
        """Levels and units first, then the calendar."""
        chosen = self._least(options)
        if not calendar_open:
            return chosen
        plain = replace(chosen, day_of_year=False)
        return chosen if self.loss(chosen) < self.loss(plain) * (1 - _YEAR_GAIN) else plain

    def with_reach(self, option: Representation, *, network: bool = False) -> Representation:
        """The option as it is, or with the short reach where that pays."""
        short = replace(option, reach="short")
        limit = 1 + _SHORT_REACH_COST if network else 1 - _SHORT_REACH_GAIN
        return short if self.loss(short) < self.loss(option) * limit else option

    def loss(self, option: Representation) -> float:
        """Mean validation pinball loss of quick fits, in spreads of the series: comparable
        between offsets and units."""
        if option not in self._losses:
            builder = option.builder(self._train)
            data = BinnedRows.of(builder, self._train, self._validation, _ROWS, _MAX_BIN)
            fits = boost(
                data,
                _OBJECTIVES,
                _SETTINGS,
                rounds=[_ROUNDS] * len(_OBJECTIVES),
                patience=_PATIENCE,
                context=self._context,
            )
            self._losses[option] = float(np.mean([fit.loss for fit in fits]))
        return self._losses[option]

    def _least(self, options: list[Representation]) -> Representation:
        return options[0] if len(options) == 1 else min(options, key=self.loss)


def _among(options: tuple[Any, ...], wanted: str) -> tuple[Any, ...]:
    if wanted == AUTO:
        return options
    if wanted not in options:
        raise ValueError(f"'{wanted}' is none of {', '.join(options)}")
    return (wanted,)
