"""KServe's open schema of time-series forecasts, as far as it has a meaning here.

https://github.com/kserve/kserve, `python/kserve/kserve/protocol/rest/timeseries`
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.core.bodies import RequestBody
from autopq.task import MAX_LEVELS, Level

# fmt: off
Frequency = Literal[
    "S", "second", "T", "minute", "H", "hour", "D", "day",
    "W", "week", "M", "month", "Q", "quarter", "Y", "year",
]
# fmt: on
Status = Literal["completed", "pending"]
MAX_INPUTS = 1000


class TimeSeriesInput(BaseModel):
    """One series, step by step from its start."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["univariate_time_series"] = Field(
        description="Send each variable of a multivariate series as an input of its own."
    )
    name: str = Field(min_length=1, max_length=200, description="Name of the series.")
    series: list[float | None] = Field(min_length=1, description="Values; null where missing.")
    frequency: Frequency
    start_timestamp: str | None = Field(
        None,
        max_length=64,
        description="ISO 8601 stamp of the first value, written as in the training table. Only "
        "the fast preset can do without.",
    )


class ForecastOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    horizon: int = Field(ge=1, le=1024, description="At most the fitted model's.")
    quantiles: list[Level] | None = Field(None, min_length=1, max_length=MAX_LEVELS)


class ForecastRequest(RequestBody):
    """Forecast the steps after the end of each input."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "model": "load-site-7@production",
                    "inputs": [
                        {
                            "type": "univariate_time_series",
                            "name": "site-7",
                            "series": [41.2, 40.7, 39.9],
                            "frequency": "H",
                            "start_timestamp": "2026-11-23T00:00:00+01:00",
                        }
                    ],
                    "options": {"horizon": 24, "quantiles": [0.1, 0.5, 0.9]},
                }
            ]
        },
    )

    model: str = Field(
        max_length=140,
        description="A fitted model's id or `name@alias`; or `fast`, to fit one on these inputs.",
    )
    inputs: Annotated[list[TimeSeriesInput], Field(min_length=1, max_length=MAX_INPUTS)]
    options: ForecastOptions
    metadata: dict[str, Any] | None = None


class TimeSeriesForecast(BaseModel):
    type: Literal["univariate_time_series"] = "univariate_time_series"
    name: str
    mean_forecast: list[float]
    frequency: Frequency
    start_timestamp: str
    quantiles: dict[str, list[float]] | None


class ForecastOutput(BaseModel):
    type: str = "time_series_forecast"
    id: str = Field(description="The forecast, as under `/v1/forecasts`.")
    status: Status
    content: list[TimeSeriesForecast]


class ForecastResponse(BaseModel):
    """`pending` means that it takes longer than an answer may: `id` is the forecast or the job,
    which goes on, to be read under `/v1/forecasts` or `/v1/jobs`."""

    id: str
    created_at: int = Field(description="Seconds since 1970.")
    status: Status
    model: str
    outputs: list[ForecastOutput]
