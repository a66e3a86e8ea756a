"""Plain residual quantiles: the reference every other quantile model has to beat."""

from typing import Any, ClassVar, Self

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.evaluation.grid import empirical
from autopq.forecasters.base import State
from autopq.forecasters.scaling import SeriesScale
from autopq.quantiles.base import NeedsPoint, QuantileModel
from autopq.quantiles.error_scale import fit_error_scale

_FEW_WINDOWS = 8


class ResidualQuantiles(QuantileModel):
    """The point forecast plus the empirical distribution of validation errors at each step.

    Errors of all series are pooled after division by the series' own error size; sample paths add
    whole error windows, so the dependence between steps is that of the errors.
    """

    name = "residual"
    needs_point: ClassVar[NeedsPoint] = "forecast"
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
        if len(validation) == 0:
            return
        if validation_points is None:
            raise ValueError("residual quantiles need point forecasts of the validation windows")
        errors = validation.target() - validation_points
        target = SeriesScale.fit(train if len(train) else validation)
        self._scale = fit_error_scale(target, validation, errors)
        _, scale = self._scale.of(validation.panel)
        errors = errors / scale[validation.series][:, None]
        errors = errors[np.isfinite(errors).all(axis=1)]
        limit = int(self.params["max_windows"])
        if len(errors) > limit:
            errors = errors[np.linspace(0, len(errors) - 1, limit).astype(np.int64)]
        self._errors: Floats = _enough(errors)

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


def _enough(errors: Floats) -> Floats:
    """[m, H] errors; of few windows every step is lent the errors of all steps, or a single
    window would leave no spread at all."""
    if len(errors) >= _FEW_WINDOWS:
        return errors
    return np.concatenate([np.roll(errors, shift, axis=1) for shift in range(errors.shape[1])])


def _given(points: Floats | None) -> Floats:
    if points is None:
        raise ValueError("residual quantiles need point forecasts")
    return points
