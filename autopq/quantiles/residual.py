"""Plain residual quantiles: the reference every other quantile model has to beat."""

from typing import Any, ClassVar, Self

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.evaluation.grid import empirical
from autopq.forecasters.base import State
from autopq.forecasters.scaling import SeriesScale
from autopq.quantiles.base import NeedsPoint, QuantileModel

# Windows of one series from which its own error size is believed rather than the pooled one.
_ENOUGH_WINDOWS = 20


class ResidualQuantiles(QuantileModel):
    """The point forecast plus the empirical distribution of validation errors at each step.

    Errors of all series are pooled after division by the series' own error size; sample paths add
    whole error windows, so the dependence between steps is that of the errors.
    """

    name = "residual"
    needs_point: ClassVar[NeedsPoint] = "none"
    fits_on_validation = True

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {"max_windows": 4000}

    def fit(
        self,
        train: Windows,
        train_points: Floats | None,
        validation: Windows,
        validation_points: Floats | None,
        context: FitContext,
    ) -> None:
        if validation_points is None:
            raise ValueError("residual quantiles need point forecasts of the validation windows")
        errors = validation.target() - validation_points
        self._scale = _error_scale(train, validation, errors)
        _, scale = self._scale.of(validation.panel)
        errors = errors / scale[validation.series][:, None]
        errors = errors[np.isfinite(errors).all(axis=1)]
        limit = int(self.params["max_windows"])
        if len(errors) > limit:
            errors = errors[np.linspace(0, len(errors) - 1, limit).astype(np.int64)]
        self._errors: Floats = errors

    def sample(
        self, windows: Windows, points: Floats | None, paths: int, rng: np.random.Generator
    ) -> Floats:
        drawn = self._errors[rng.integers(len(self._errors), size=(len(windows), paths))]
        samples: Floats = _given(points)[:, None, :] + self._size(windows)[:, None, None] * drawn
        return samples

    def quantiles(
        self, windows: Windows, points: Floats | None, levels: Floats, rng: np.random.Generator
    ) -> Floats:
        per_step = empirical(self._errors.T, levels)
        found: Floats = _given(points)[:, :, None] + self._size(windows)[:, None, None] * per_step
        return found

    def state(self) -> State:
        scale = self._scale.to_state()
        return State(
            {**scale.arrays, "errors": self._errors}, {**scale.meta, "params": self.params}
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = cls(**state.meta["params"])
        model._scale = SeriesScale.from_state(state)
        model._errors = state.arrays["errors"]
        return model

    def describe(self) -> dict[str, Any]:
        return {"error_windows": len(self._errors)}

    def _size(self, windows: Windows) -> Floats:
        """[n] error size of each window's series."""
        _, scale = self._scale.of(windows.panel)
        return scale[windows.series]


def _given(points: Floats | None) -> Floats:
    if points is None:
        raise ValueError("residual quantiles need point forecasts")
    return points


def _error_scale(train: Windows, validation: Windows, errors: Floats) -> SeriesScale:
    """The series' scale turned into its error size: the mean absolute validation error of series
    with enough windows, the pooled share of the target's spread for others."""
    target = SeriesScale.fit(train if len(train) else validation)
    _, spread = target.of(validation.panel)
    relative = np.abs(errors) / spread[validation.series][:, None]
    pooled = max(float(np.nanmean(relative)), 1e-9)
    sizes = dict(zip(target.item_ids, target.scale * pooled, strict=True))
    for s, item in enumerate(validation.panel.item_ids):
        own = np.abs(errors[validation.series == s])
        if len(own) >= _ENOUGH_WINDOWS and item in sizes and np.nanmean(own) > 0:
            sizes[item] = float(np.nanmean(own))
    return SeriesScale(target.item_ids, target.center, np.array([*sizes.values()]))
