"""`sarimax`: regression on covariates and the calendar with SARIMA errors."""

from typing import Any, ClassVar

import numpy as np
from statsmodels.tsa.statespace.mlemodel import MLEModel
from statsmodels.tsa.statespace.sarimax import SARIMAX

from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Times
from autopq.forecasters.base import Trial
from autopq.forecasters.seasonal_terms import seasonal_terms
from autopq.forecasters.state_space import StateSpaceForecaster

# States of a seasonal part grow with its season, and the filter's time with their cube.
_LONGEST_SEASON = 60
_MIN_SEASONS = 3


class Sarimax(StateSpaceForecaster):
    """SARIMA(p, d, q)(P, D, Q) errors around a dynamic harmonic regression (Hyndman and
    Athanasopoulos, Forecasting: Principles and Practice, 10.5), which `harmonics` sines and
    cosines of the season and the known covariates make up.

    The seasonal part is left out for seasons of more than 60 steps and of which fewer than three
    were seen.
    """

    name: ClassVar[str] = "sarimax"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            "p": 2,
            "d": 0,
            "q": 1,
            "seasonal_p": 1,
            "seasonal_d": 0,
            "seasonal_q": 0,
            "harmonics": 6,
            "max_rows": 1344,
        }

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "p": trial.suggest_int("p", 0, 5),
            "d": trial.suggest_int("d", 0, 1),
            "q": trial.suggest_int("q", 0, 4),
            "seasonal_p": trial.suggest_int("seasonal_p", 0, 2),
            "seasonal_d": trial.suggest_int("seasonal_d", 0, 1),
            "seasonal_q": trial.suggest_int("seasonal_q", 0, 1),
            "harmonics": trial.suggest_int("harmonics", 1, 12, log=True),
            "max_rows": trial.suggest_int("max_rows", 500, 5000, log=True),
        }

    def regressors(self, local_time: Times, covariates: Floats, freq: Frequency) -> Floats:
        terms = seasonal_terms(local_time, freq, int(self.params["harmonics"]))
        return np.concatenate([covariates, terms], axis=-1)

    def error_model(self, errors: Floats, freq: Frequency, rows: int) -> MLEModel:
        params, season = self.params, freq.season
        held = 1 < season <= _LONGEST_SEASON and rows >= _MIN_SEASONS * season
        seasonal = tuple(int(params[f"seasonal_{part}"]) for part in "pdq")
        return SARIMAX(
            errors,
            order=(int(params["p"]), int(params["d"]), int(params["q"])),
            seasonal_order=(*seasonal, season) if held and any(seasonal) else (0, 0, 0, 0),
        )
