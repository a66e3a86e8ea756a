"""State-space forecasters: a regression on what is known ahead, and a model of its errors.

Regression and parameters are estimated once, on the end of the training rows. A Kalman filter
then passes over each series once; its state before an origin holds what the rows up to there say,
and nothing else, so that one pass serves every origin honestly. Missing values are missing to it.
"""

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import linalg
from statsmodels.tsa.statespace import kalman_filter
from statsmodels.tsa.statespace.mlemodel import MLEModel

from autopq.context import FitContext
from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Panel, Times, Windows
from autopq.forecasters.base import PointForecaster, State
from autopq.forecasters.scaling import SeriesScale, known_rows

_RIDGE = 1e-3
_MIN_ROWS = 12
_MAX_ITERATIONS = 50
# All but the predicted states: their covariances alone would outgrow the series by far.
_FORGET = (
    kalman_filter.MEMORY_NO_FORECAST_COV
    | kalman_filter.MEMORY_NO_PREDICTED_COV
    | kalman_filter.MEMORY_NO_FILTERED
    | kalman_filter.MEMORY_NO_LIKELIHOOD
    | kalman_filter.MEMORY_NO_GAIN
    | kalman_filter.MEMORY_NO_SMOOTHING
    | kalman_filter.MEMORY_NO_STD_FORECAST
)


@dataclass(frozen=True)
class _Fit:
    """Of one series in units of its spread: regression, and the parameters of the error model;
    none where the errors could not be modelled (no rows, no spread)."""

    mean: Floats  # [K] of the regressors
    spread: Floats  # [K]
    weights: Floats  # [K]
    level: float
    rows: int
    params: Floats  # [P]

    def regression(self, x: Floats) -> Floats:
        """[...] of regressors [..., K]."""
        values: Floats = ((x - self.mean) / self.spread) @ self.weights + self.level
        return values


class StateSpaceForecaster(PointForecaster):
    """Base of forecasters that differ in their regressors and in the model of the errors.

    At most `max_rows` rows a series are used to estimate it. A series that was not trained on
    borrows the estimates of the first one.
    """

    # A fold without some block of time cannot hide it from a filter over all rows.
    learns_from_windows = False

    @abstractmethod
    def regressors(self, local_time: Times, covariates: Floats, freq: Frequency) -> Floats:
        """[..., K] of stamps [...] and covariates [..., F]."""

    @abstractmethod
    def error_model(self, errors: Floats, freq: Frequency, rows: int) -> MLEModel:
        """The unfitted model of errors [T]; `rows` were there to estimate it on, which decides
        what it can hold."""

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        self._scale = SeriesScale.fit(train)
        self._fits = []
        for s, rows in enumerate(known_rows(train)):
            context.check_stop()
            self._fits.append(self._estimate(train.panel, s, rows))

    def _estimate(self, panel: Panel, s: int, known: slice) -> _Fit:
        rows = slice(max(known.start, known.stop - int(self.params["max_rows"])), known.stop)
        y = (panel.target[rows] - self._scale.center[s]) / self._scale.scale[s]
        x = self._x(panel, s, rows)
        seen = np.isfinite(y)
        if not seen.any():
            k = x.shape[-1]
            return _Fit(np.zeros(k), np.ones(k), np.zeros(k), 0.0, 0, np.empty(0))
        mean, spread = x[seen].mean(axis=0), x[seen].std(axis=0)
        spread = np.where(spread > 1e-9 * np.maximum(1.0, np.abs(mean)), spread, 1.0)
        level = float(y[seen].mean())
        z = (x[seen] - mean) / spread
        ridge = z.T @ z + _RIDGE * len(z) * np.eye(z.shape[1])
        weights = linalg.solve(ridge, z.T @ (y[seen] - level), assume_a="pos")
        fitted = _Fit(mean, spread, weights, level, len(y), np.empty(0))
        params = self._parameters(y - fitted.regression(x), panel.freq)
        return _Fit(mean, spread, weights, level, len(y), params)

    def _parameters(self, errors: Floats, freq: Frequency) -> Floats:
        """Maximum-likelihood parameters; empty where there is nothing to estimate them from."""
        known = errors[np.isfinite(errors)]
        if len(known) < _MIN_ROWS or np.ptp(known) < 1e-9:
            return np.empty(0)
        with warnings.catch_warnings():
            # An optimiser that stops early leaves usable parameters; forecasts will tell.
            warnings.simplefilter("ignore")
            try:
                model = self.error_model(errors, freq, len(errors))
                found = model.fit(
                    disp=False, maxiter=_MAX_ITERATIONS, cov_type="none", low_memory=True
                )
            except (ValueError, np.linalg.LinAlgError):
                return np.empty(0)
        params = np.asarray(found.params, np.float64)
        return params if np.isfinite(params).all() else np.empty(0)

    def predict(self, windows: Windows) -> Floats:
        panel = windows.panel
        center, scale = self._scale.of(panel)
        position = {item: s for s, item in enumerate(self._scale.item_ids)}
        forecast = np.empty((len(windows), windows.horizon))
        for s in np.unique(windows.series):
            own = np.flatnonzero(windows.series == s)
            mine = windows.take(own)
            fitted = self._fits[position.get(panel.item_ids[s], 0)]
            relative = fitted.regression(
                self.regressors(panel.local_time[mine.steps], mine.future_covariates(), panel.freq)
            )
            if len(fitted.params):
                rows = slice(panel.offsets[s], panel.offsets[s] + int(mine.origin.max()))
                y = (panel.target[rows] - center[s]) / scale[s]
                errors = y - fitted.regression(self._x(panel, s, rows))
                total = int(mine.ahead.max()) + 1
                continued = self._continued(errors, fitted, panel.freq, total)
                relative += continued[mine.origin[:, None], mine.ahead]
            forecast[own] = relative * scale[s] + center[s]
        return forecast

    def _continued(self, errors: Floats, fitted: _Fit, freq: Frequency, horizon: int) -> Floats:
        """[T + 1, H] expected errors after each number of rows."""
        if len(errors) == 0:
            return np.zeros((1, horizon))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = self.error_model(errors, freq, fitted.rows)
        model.ssm.set_conserve_memory(_FORGET)
        model.update(fitted.params)
        states = np.asarray(model.ssm.filter().predicted_state).T
        design, transition = model.ssm["design"][0], model.ssm["transition"]
        ahead = np.empty((len(states), horizon))
        for step in range(horizon):
            ahead[:, step] = states @ design
            states = states @ transition.T
        return ahead

    def _x(self, panel: Panel, s: int, rows: slice) -> Floats:
        """[T, K] regressors of known rows, with covariates as each row's own time knew them: what
        was revised later is no part of any origin's past."""
        flat = np.arange(rows.start, rows.stop)
        own = Windows(panel, np.full(len(flat), s), flat - panel.offsets[s], horizon=1)
        covariates = own.covariates_at(flat[:, None])[:, 0]
        return self.regressors(panel.local_time[rows], covariates, panel.freq)

    def state(self) -> State:
        scale = self._scale.to_state()
        arrays = {
            **scale.arrays,
            "mean": np.stack([fit.mean for fit in self._fits]),
            "spread": np.stack([fit.spread for fit in self._fits]),
            "weights": np.stack([fit.weights for fit in self._fits]),
            "level": np.array([fit.level for fit in self._fits]),
            "rows": np.array([fit.rows for fit in self._fits]),
            "params": np.concatenate([fit.params for fit in self._fits]),
            "param_counts": np.array([len(fit.params) for fit in self._fits]),
        }
        return State(arrays, {**scale.meta, "params": self.params})

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls(**state.meta["params"])
        forecaster._scale = SeriesScale.from_state(state)
        arrays = state.arrays
        ends = np.cumsum(arrays["param_counts"])
        forecaster._fits = [
            _Fit(
                arrays["mean"][s],
                arrays["spread"][s],
                arrays["weights"][s],
                float(arrays["level"][s]),
                int(arrays["rows"][s]),
                arrays["params"][end - count : end],
            )
            for s, (end, count) in enumerate(zip(ends, arrays["param_counts"], strict=True))
        ]
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {
            "series": len(self._fits),
            "rows": max(fit.rows for fit in self._fits),
            "regressors": len(self._fits[0].weights),
            # Where a series' errors could not be modelled its forecast is the regression alone.
            "series_without_error_model": sum(len(fit.params) == 0 for fit in self._fits),
        }
