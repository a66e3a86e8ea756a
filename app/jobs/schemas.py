"""Jobs over HTTP."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.core.bodies import RequestBody
from app.core.errors import Problem
from app.core.instants import Instant
from app.datasets.schemas import Version
from app.jobs.results import Audit, LeaderboardEntry
from app.jobs.states import EventKind, JobState
from app.models.schemas import ModelName
from app.webhooks.schemas import WebhookCreate
from autopq.observer import Phase
from autopq.task import TaskConfig


class JobCreate(RequestBody):
    """What to forecast, from which dataset."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset_id": "ds_0199c1f0a2b4d3f1c0ffee00d15ea5e0",
                    "config": {
                        "target": "load",
                        "horizon": 24,
                        "known_covariates": ["temperature"],
                        "timezone": "Europe/Berlin",
                        "lower": 0,
                        "preset": "fast",
                    },
                }
            ]
        },
    )

    dataset_id: str = Field(max_length=64)
    dataset_version: Version | None = Field(None, description="The newest by default.")
    model_name: ModelName | None = Field(
        None,
        description="What the model is to be called; models of one name are versions of each "
        "other. The dataset's id by default.",
    )
    config: TaskConfig = Field(default_factory=TaskConfig)
    priority: int = Field(
        0, ge=-100, le=100, description="Your queued jobs start in this order, highest first."
    )
    deadline: Instant | None = Field(
        None, description="A job that has not ended by then is stopped and fails."
    )
    webhook: WebhookCreate | None = Field(None, description="Told when the job has ended.")


class JobRerun(RequestBody):
    """What is to be different when a job runs again; everything else stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"config": {"preset": "default", "horizon": 48}}]}
    )

    config: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the task in place of the job's."
    )
    dataset_version: Version | None = None
    priority: int | None = Field(None, ge=-100, le=100)
    deadline: Instant | None = None
    webhook: WebhookCreate | None = None


class ModelUpdate(RequestBody):
    """Which rows a model is to be taken to, and when."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"priority": 10}]})

    dataset_version: Version | None = Field(
        None, description="Of the model's dataset; the newest by default."
    )
    priority: int = Field(0, ge=-100, le=100)
    deadline: Instant | None = None
    webhook: WebhookCreate | None = None


class Links(BaseModel):
    """Where the rest of a job is."""

    self_: str = Field(serialization_alias="self", validation_alias="self")
    cancel: str
    rerun: str
    audit: str
    events: str
    trials: str
    leaderboard: str
    energy: str
    backtest: str | None = None
    model: str | None = None
    forecasts: str | None = None


class BestTrial(BaseModel):
    """The best trial of the latest phase that has one. Scores of different phases are of
    different kinds: mean absolute errors of points, pinball losses of quantiles."""

    phase: Phase
    name: str
    score: float


class Job(BaseModel):
    """A job as it stands now."""

    id: str
    dataset_id: str
    dataset_version: int
    model_name: str | None
    config: TaskConfig
    state: JobState
    phase: Phase | None = Field(description="What the running attempt is doing.")
    progress: float = Field(ge=0, le=1, description="Share of the whole fit that is done.")
    message: str
    trials: int = Field(description="Trials that the running attempt has finished.")
    best: BestTrial | None = Field(description="The best trial so far; lower scores are better.")
    eta_seconds: float | None = Field(
        description="Seconds to the end as of the last progress, if the rest goes as fast."
    )
    priority: int
    deadline: datetime | None
    rerun_of: str | None = Field(description="The job that this one repeats.")
    update_of: str | None = Field(
        None, description="The model that this job takes to newer rows, without a search."
    )
    webhook: str | None = Field(description="Where the job's end is told.")
    attempt: int = Field(description="How often a worker process was started for it.")
    error: Problem | None = Field(description="Why it failed.")
    model_id: str | None = Field(description="The fitted model, once it succeeded.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    links: Links


class JobEvent(BaseModel):
    """The data of one server-sent event."""

    job_id: str
    at: datetime
    attempt: int
    kind: EventKind
    data: dict[str, Any] = Field(
        description="What `kind` is about: `state` and `message`; `phase`; `progress` and "
        "`eta_seconds`; or the `name` and `score` of a trial and the `best` so far."
    )


class JobAudit(BaseModel):
    """What the audit of the dataset under the job's config found."""

    job_id: str
    audit: Audit


class Leaderboard(BaseModel):
    """Every candidate, the best first. Scores are means in the target's units."""

    job_id: str
    rows: list[LeaderboardEntry]


class Trial(BaseModel):
    """One finished fit, or one evaluation of a searched setting; lower scores are better."""

    model_config = ConfigDict(from_attributes=True)

    attempt: int
    finished_at: datetime
    phase: str
    name: str
    params: dict[str, Any]
    score: float | None
    seconds: float
    energy_wh: float
    forecaster: str | None
    quantile_model: str | None
    training_method: str | None
    error: str | None
