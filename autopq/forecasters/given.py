"""`given`: point forecasts made elsewhere, in a column of the user's table."""

from typing import Any, ClassVar, Self

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.errors import InputError, Issue
from autopq.forecasters.base import PointForecaster, State


class GivenForecast(PointForecaster):
    """Passes on the known covariate `column`: the quantile models then turn it into a
    distribution as they would any forecaster's point forecasts.

    The column holds, at each time step, what was forecast for it; rolling forecasts that were
    revised carry when they became available (`TaskConfig.available_at`). Its errors on training
    rows must be those it will have in use: a column of fitted values makes intervals too narrow.
    """

    name: ClassVar[str] = "given"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {"column": None}

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        names = train.panel.covariate_names
        if self.params["column"] not in names:
            raise InputError(
                Issue(
                    "given_forecast",
                    f"'{self.params['column']}' is no known covariate of the table.",
                    f"Use one of {', '.join(names)}." if names else "Add it to the table.",
                )
            )
        self._position = names.index(self.params["column"])
        self._mae = float(np.abs(self.predict(train) - train.target()).mean())

    def predict(self, windows: Windows) -> Floats:
        forecast: Floats = windows.future_covariates()[..., self._position]
        return forecast.astype(np.float64)

    def state(self) -> State:
        meta = {"params": self.params, "position": self._position, "mae": self._mae}
        return State({}, meta)

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls(**state.meta["params"])
        forecaster._position = int(state.meta["position"])
        forecaster._mae = float(state.meta["mae"])
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {"column": self.params["column"], "training_mae": self._mae}
