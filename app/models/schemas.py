"""Models over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.bodies import RequestBody
from app.datasets.references import TableReference
from app.jobs.results import LeaderboardEntry
from autopq.task import TaskConfig

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ALIAS_PATTERN = r"^[A-Za-z][A-Za-z0-9._-]{0,31}$"

ModelName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]


class Model(BaseModel):
    """A fitted model: the winner of a job. Models of one name are versions of each other."""

    id: str
    name: str = Field(description="From the job; the dataset's id where the job gave none.")
    version: int = Field(description="Counts the models of this name from 1.")
    aliases: list[str] = Field(description="Aliases that stand for this version now.")
    job_id: str
    dataset_id: str
    dataset_version: int
    created_at: datetime
    config: TaskConfig
    summary: LeaderboardEntry = Field(description="The leaderboard's first row.")
    size_bytes: int


class Promotion(RequestBody):
    """Which alias is to stand for a model from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"alias": "production"}]})

    alias: Annotated[str, StringConstraints(pattern=ALIAS_PATTERN)] = Field(
        description="A name such as `production`; `latest` always is the newest version."
    )


class MonitoringCreate(RequestBody):
    """Actuals to hold a model's past forecasts against."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "actuals": {
                        "columns": {
                            "timestamp": ["2026-11-23T00:00+01:00", "2026-11-23T01:00+01:00"],
                            "load": [41.3, 40.2],
                        }
                    }
                }
            ]
        }
    )

    actuals: TableReference


Verdict = Literal["ok", "too_few", "coverage_low", "coverage_high", "loss_up"]


class PeriodQuality(BaseModel):
    """How forecasts did against what came, over some period of target stamps."""

    start: str | None = Field(description="Monday of the week by the local clock; null for all.")
    values: int = Field(description="Forecast values that an actual is known for.")
    days: int = Field(description="Times 24 hours of one series in one forecast behind them.")
    coverage_50: float | None
    coverage_80: float | None
    coverage_90: float | None
    coverage_error: float | None = Field(
        description="Standard error of `coverage_90`, from how it varies between these days."
    )
    mean_pinball: float | None
    loss_ratio: float | None = Field(
        description="`mean_pinball` over that of the rows the model was chosen or scored on."
    )
    verdict: Verdict = Field(
        description="`coverage_low` or `_high`: `coverage_90` is off 0.9 by more than 0.05 and two "
        "standard errors. `loss_up`: the loss ratio is above 1.25. `too_few`: fewer than five days."
    )


class Monitoring(BaseModel):
    """A model's past forecasts against the actuals that arrived since."""

    model_id: str
    dataset_id: str | None = Field(description="Where the actuals are from; null if posted.")
    dataset_version: int | None
    forecasts: int = Field(description="Finished forecasts looked at, the newest ones.")
    values_without_actual: int
    reference: float | None = Field(
        description="Mean pinball loss on the held-out rows, or else on the validation rows."
    )
    overall: PeriodQuality
    weeks: list[PeriodQuality] = Field(description="The newest first.")
    verdict: Verdict = Field(description="That of the last four weeks together.")


class GroupImportance(BaseModel):
    """How much worse the forecasts become when one group of inputs is that of another time."""

    group: str = Field(
        description="`history` of the target, `calendar`, a known covariate by its name, or "
        "`static_features`."
    )
    loss: float = Field(description="Mean pinball loss without the group.")
    increase: float = Field(
        description="Share by which the loss grows; about 0 or less where the model makes nothing "
        "of the group."
    )
    spread: float = Field(description="Half the range of `increase` over repeats.")


class ModelImportance(BaseModel):
    """Permutation importance on the held-out windows, or else on the validation windows."""

    model_id: str
    groups: list[GroupImportance] = Field(
        description="The most important first; empty where the job's budget had no room for it."
    )
