"""What a job finds out, over HTTP: the audit of its data and its leaderboard."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Remark(BaseModel):
    """A finding that does not stop the fit."""

    code: str = Field(description="Stable, meant for machines.")
    message: str
    field: str | None
    count: int | None


class Block(BaseModel):
    """Rows that lie together in one series, first and last stamp included."""

    item_id: str
    column: str
    start: str
    end: str
    rows: int


class SeriesSummary(BaseModel):
    """One series; the figures are of its known target values."""

    item_id: str
    rows: int
    start: str
    end: str
    missing: int
    future_rows: int = Field(description="Rows behind the last known target value.")
    mean: float | None
    std: float | None
    minimum: float | None
    maximum: float | None


class Audit(BaseModel):
    """The table as it was understood under the job's config."""

    model_config = ConfigDict(extra="allow")

    rows: int
    series: int
    start: str
    end: str
    freq: str
    timezone: str | None
    timestamp: str
    item_id: str | None
    target: str
    known_covariates: list[str]
    missing_rows: int = Field(description="Stamps of the grid that the table lacks.")
    missing_values: dict[str, int] = Field(description="Empty cells by column.")
    missing_blocks: list[Block] = Field(description="The longest first.")
    flat_stretches: list[Block] = Field(description="One value for more than a season.")
    zero_share: float
    negative: int
    short_days: list[str] = Field(description="Local days on which the clock skips an hour.")
    long_days: list[str] = Field(description="Local days on which it repeats one.")
    per_series: list[SeriesSummary]
    warnings: list[Remark]


class LeaderboardEntry(BaseModel):
    """One candidate: a quantile model on a point forecaster, or the ensemble of several."""

    model_config = ConfigDict(extra="allow")

    rank: int
    name: str
    forecaster: str | None = Field(description="Null where the quantile model needs none.")
    quantile_model: str
    training_method: str | None
    reference: bool = Field(description="A simple row that always runs, for comparison.")
    validation: dict[str, float | None] = Field(
        description="Scores on the rows that choices were made on; ranks follow `mean_pinball`.",
        examples=[{"mean_pinball": 27.6, "coverage_90": 0.891, "mae": 71.2}],
    )
    test: dict[str, float | None] = Field(
        description="Scores on rows no choice has seen; empty when none were held out."
    )
    seconds: float = Field(description="What this candidate alone would have taken.")
    energy_wh: float
    spread: float | None = None
    error: str | None = Field(None, description="Why the candidate has no scores.")
    not_recommended: str | None = Field(
        None, description="Why, where its 90 % interval misses the task's `min_coverage`."
    )
    trainable_parameters: int | None = None
    stored_parameters: int | None = None
    dense_parameters: int | None = None
    bytes_sent: int | None = None
    chosen: bool = Field(False, description="Whether it became the job's model.")
    details: dict[str, Any] = Field(default_factory=dict, description="What its parts say.")
