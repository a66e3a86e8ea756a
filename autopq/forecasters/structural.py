"""`structural`: trend, several trigonometric seasons and autoregressive errors as states."""

from typing import Any, ClassVar

from statsmodels.tsa.statespace.mlemodel import MLEModel
from statsmodels.tsa.statespace.structural import UnobservedComponents

from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Times
from autopq.forecasters.base import Trial
from autopq.forecasters.state_space import StateSpaceForecaster

_MIN_SEASONS = 3


class Structural(StateSpaceForecaster):
    """The structural relative of TBATS (De Livera, Hyndman and Snyder 2011; Harvey 1989): a local
    level, one trigonometric season for each of the frequency's that was seen three times, all
    of them drifting, and an autoregressive error, around a regression on known covariates.

    `harmonics` are those of the shortest season; longer ones get `long_harmonics`.
    """

    name: ClassVar[str] = "structural"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {"harmonics": 8, "long_harmonics": 8, "autoregressive": 1, "max_rows": 1344}

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "harmonics": trial.suggest_int("harmonics", 2, 12, log=True),
            "long_harmonics": trial.suggest_int("long_harmonics", 2, 12, log=True),
            "autoregressive": trial.suggest_int("autoregressive", 0, 2),
            "max_rows": trial.suggest_int("max_rows", 500, 5000, log=True),
        }

    def regressors(self, local_time: Times, covariates: Floats, freq: Frequency) -> Floats:
        return covariates

    def error_model(self, errors: Floats, freq: Frequency, rows: int) -> MLEModel:
        seasons = [
            {"period": season, "harmonics": min(int(self.params[count]), season // 2)}
            for season, count in zip(freq.seasons, ("harmonics", "long_harmonics"), strict=False)
            if season > 1 and rows >= _MIN_SEASONS * season
        ]
        return UnobservedComponents(
            errors,
            level="local level",
            freq_seasonal=seasons or None,
            autoregressive=int(self.params["autoregressive"]) or None,
        )
