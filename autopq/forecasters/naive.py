"""`seasonal_naive`: the value one season earlier. The reference every forecaster must beat."""

from typing import Any, ClassVar, Self

import numpy as np

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import PointForecaster, State, finite
from autopq.forecasters.scaling import SeriesScale


def last_season(windows: Windows, season: int) -> Floats:
    """[n, H] the last known value of the same season step: steps beyond one season repeat it.
    NaN where the series is younger than the season."""
    ahead = windows.ahead
    row = windows.origin[:, None] + ahead - season * (ahead // season + 1)
    flat = windows.panel.offsets[windows.series][:, None] + np.maximum(row, 0)
    return np.where(row >= 0, windows.panel.filled[flat], np.nan)


def last_value(windows: Windows) -> Floats:
    """[n] the newest known value; NaN for a window that starts with its series."""
    row = windows.panel.offsets[windows.series] + np.maximum(windows.origin - 1, 0)
    return np.where(windows.origin > 0, windows.panel.filled[row], np.nan)


class SeasonalNaive(PointForecaster):
    """Repeats the last season. Which of the frequency's seasons, the training rows decide."""

    name: ClassVar[str] = "seasonal_naive"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {"season": None}

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        self._scale = SeriesScale.fit(train)
        fixed = self.params["season"]
        seasons = (1, *train.panel.freq.seasons) if fixed is None else (int(fixed),)
        target = train.target()
        unit = self._scale.of(train.panel)[1][train.series][:, None]
        errors = {
            season: float(np.mean(np.abs(target - self._forecast(train, season)) / unit))
            for season in dict.fromkeys(seasons)
        }
        self._season = min(errors, key=errors.__getitem__)

    def predict(self, windows: Windows) -> Floats:
        return self._forecast(windows, self._season)

    def _forecast(self, windows: Windows, season: int) -> Floats:
        center = self._scale.of(windows.panel)[0][windows.series]
        last = finite(last_value(windows), center)
        return finite(
            last_season(windows, season), np.repeat(last[:, None], windows.horizon, axis=1)
        )

    def state(self) -> State:
        scale = self._scale.to_state()
        return State(scale.arrays, {**scale.meta, "params": self.params, "season": self._season})

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls(**state.meta["params"])
        forecaster._scale = SeriesScale.from_state(state)
        forecaster._season = state.meta["season"]
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {"season_steps": self._season}
