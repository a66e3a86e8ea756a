"""States of a forecast request."""

from typing import Literal, get_args

ForecastState = Literal["queued", "running", "succeeded", "failed"]
FORECAST_STATES: tuple[ForecastState, ...] = get_args(ForecastState)
