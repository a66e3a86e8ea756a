"""Backtests over HTTP."""

from pydantic import BaseModel, Field

Columns = dict[str, list[str | int | float | None]]


class BacktestScores(BaseModel):
    """Means over all windows, in the target's units unless said otherwise; null where nothing
    could be computed. All but coverages and `bias` are losses."""

    mean_pinball: float | None = Field(description="Over the levels 0.01 to 0.99.")
    crps: float | None
    weighted_quantile_loss: float | None = Field(description="Without a unit.")
    mae: float | None = Field(description="Of the median.")
    mase: float | None = Field(description="Over the seasonal naive's error before the backtest.")
    bias: float | None = Field(description="Median minus target.")
    coverage_50: float | None
    coverage_80: float | None
    coverage_90: float | None
    width_50: float | None
    width_80: float | None
    width_90: float | None
    interval_score_50: float | None
    interval_score_80: float | None
    interval_score_90: float | None
    peak_weighted_crps: float | None = Field(
        description="Of what lies above the 90 % quantile of the values before the backtest."
    )
    calibration_error: float | None = Field(
        description="Mean distance of `reliability.observed` from `level`."
    )
    energy_score: float | None = Field(description="Of sample paths, as the next four.")
    variogram_score: float | None
    sum_pinball: float | None = Field(description="Of the sums of days, or of the horizon.")
    max_pinball: float | None
    ramp_pinball: float | None


class BacktestReport(BaseModel):
    """How the job's model forecast the rows held out, before it was fitted on them."""

    job_id: str
    num_windows: int = Field(
        description="Windows of a series at most; many series have fewer than were asked for."
    )
    step: int | None = Field(description="Steps between origins; null with `issue_times`.")
    windows: int = Field(description="Windows of all series.")
    series: int
    paths: int = Field(description="Sample paths behind the scores of paths.")
    first_origin: str = Field(description="When the oldest of its forecasts is issued.")
    last_origin: str
    scores: BacktestScores
    steps: Columns = Field(description="The scores by `step` ahead, from 1.")
    reliability: Columns = Field(
        description="`level`, the share of values `observed` below its quantile, and `pinball`.",
        examples=[{"level": [0.1, 0.9], "observed": [0.12, 0.88], "pinball": [1.4, 1.6]}],
    )
    pit: Columns = Field(
        description="Histogram of the probability integral transform: `low`, `high`, `share`."
    )


class BacktestTable(BaseModel):
    """One of a backtest's tables, column by column."""

    job_id: str
    columns: Columns
