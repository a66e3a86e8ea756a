"""Forecasts over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.core.bodies import RequestBody
from app.core.errors import Problem
from app.datasets.references import TableReference
from app.energy.schemas import Figures
from app.forecasts.states import ForecastState

MAX_PATHS = 1000
DEFAULT_PATHS = 200
# As in `autopq.aggregates`, which takes long to import: these schemas are the client's as well.
Measure = Literal["sum", "mean", "max", "min", "ramp"]
Window = Literal["day", "horizon"]
Columns = dict[str, list[str | int | float | None]]


class ForecastCreate(RequestBody):
    """What to forecast from. Without a history the end of the training data is the present."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "history": {"dataset_id": "ds_0199c1f0a2b4d3f1c0ffee00d15ea5e0"},
                    "future_covariates": {
                        "columns": {
                            "timestamp": ["2026-11-23T00:00+01:00", "2026-11-23T01:00+01:00"],
                            "temperature": [4.1, 3.9],
                        }
                    },
                }
            ]
        },
    )

    history: TableReference | None = None
    future_covariates: TableReference | None = None
    paths: Annotated[
        int, Field(ge=1, le=MAX_PATHS, description="Sample paths to draw and keep.")
    ] = DEFAULT_PATHS


class ForecastStatus(BaseModel):
    """A forecast that was asked for."""

    id: str
    model_id: str
    state: ForecastState
    paths: int
    error: Problem | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Fallback(BaseModel):
    """A series that something simpler than the model answered for."""

    item_id: str
    used: str = Field(examples=["climatology"])
    reason: str = Field(examples=["known values among the last 48 steps: 2, needed: 12"])


class QuantileTable(BaseModel):
    """Quantiles column by column: `item_id`, `timestamp` and one column per level."""

    id: str
    model_id: str
    state: ForecastState
    target: str
    quantile_levels: list[float]
    columns: Columns = Field(
        examples=[
            {
                "item_id": ["series", "series"],
                "timestamp": ["2026-11-23T00:00:00+01:00", "2026-11-23T01:00:00+01:00"],
                "0.1": [38.2, 36.9],
                "0.9": [47.5, 46.1],
            }
        ]
    )
    energy: Figures
    fallbacks: list[Fallback] = Field(
        default_factory=list, description="Series the model could not answer for, and why."
    )


class PathTable(BaseModel):
    """Joint sample paths: `values[series][path][step]` at `timestamps[series][step]`."""

    id: str
    target: str
    item_ids: list[str]
    timestamps: list[list[datetime]]
    values: list[list[list[float]]]


class AggregateTable(BaseModel):
    """Quantiles of one measure of every window, column by column: `item_id`, `start` and `end`
    (its first and last step), `steps` and one column per level."""

    id: str
    model_id: str
    target: str
    measure: Measure
    window: Window
    paths: int = Field(description="Sample paths the quantiles are of.")
    quantile_levels: list[float]
    columns: Columns
