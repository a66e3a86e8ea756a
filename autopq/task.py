"""`TaskConfig`: what to forecast and how hard to try. One model for library, service and CLI."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from autopq.training_plan import TrainingMethods

Preset = Literal["fast", "default", "advanced"]
# Six digits name a level in tables and addresses; finer ones could not be told apart.
Level = Annotated[float, Field(ge=1e-6, le=1 - 1e-6)]

ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]

MAX_HORIZON = 1024
MAX_LEVELS = 999
MAX_WINDOWS = 1000
DEFAULT_LEVELS = (0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99)

# Settings that the audit of a table never looks at: whatever they are, it finds the same.
UNAUDITED = frozenset(
    {
        "quantile_levels",
        "preset",
        "time_limit",
        "energy_limit_wh",
        "max_trials",
        "trial_workers",
        "warm_start",
        "forecasters",
        "given_forecast",
        "quantile_models",
        "training_methods",
        "backtest",
        "prefer_cheaper_within",
        "min_coverage",
        "conformal",
        "refit",
        "seed",
    }
)


class BacktestPlan(BaseModel):
    """Which forecasts of the past a backtest makes, of every series."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_windows: int = Field(
        10,
        ge=1,
        le=MAX_WINDOWS,
        description="Forecasts of each series, the newest ones that lie in the rows held out.",
    )
    step: int | None = Field(
        None,
        ge=1,
        le=MAX_HORIZON,
        description="Steps from one origin to the next; the horizon when not given, so that no "
        "two windows overlap. Tasks with `issue_times` have their own origins.",
    )


class TaskConfig(BaseModel):
    """A forecasting task. Column names are those of the user's table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str = Field("target", description="Column to forecast.")
    horizon: int = Field(24, ge=1, le=MAX_HORIZON, description="Steps to forecast.")
    timestamp: str | None = Field(
        None, description="Time column; recognised (`timestamp`, `ds`, `time`, ...) when not given."
    )
    item_id: str | None = Field(
        None, description="Series column; recognised (`item_id`, `unique_id`) when not given."
    )
    known_covariates: tuple[str, ...] = Field(
        (), description="Columns known for the future as well, such as weather forecasts."
    )
    static_features: tuple[str, ...] = Field(
        (),
        description="Columns of numbers or texts with one value a series, such as its region.",
    )
    available_at: str | None = Field(
        None,
        description="Column that says when a row's known covariates became known. Several rows a "
        "stamp are then allowed, one a vintage; a forecast uses the newest its origin knows.",
    )
    issue_times: tuple[ClockTime, ...] | None = Field(
        None,
        min_length=1,
        description="Local clock times at which forecasts are issued, such as `00:00`: the first "
        "step not yet known is then at that time. Models are chosen and scored on forecasts "
        "issued at these times alone; all times when not given.",
    )
    lead_time: int = Field(
        0,
        ge=0,
        le=MAX_HORIZON,
        description="Steps between the first one not yet known at the origin and the first one "
        "forecast.",
    )
    delivery_day: int | None = Field(
        None,
        ge=0,
        le=7,
        description="Forecast one local calendar day, this many days after the day of issue (1 is "
        "day-ahead), with its 23 or 25 hours where the clock changes; takes the place of "
        "`horizon` and `lead_time`, and needs one issue time.",
    )
    freq: str | None = Field(None, description="Step such as `h` or `15min`; inferred by default.")
    timezone: str | None = Field(
        None,
        description="IANA zone of stamps without an offset, and of the calendar features, "
        "such as `Europe/Berlin`.",
    )
    holidays: str | None = Field(
        None,
        description="Country whose public holidays are a known covariate, with or without a "
        "subdivision, such as `DE` or `DE-BW`.",
    )
    lower: float | None = Field(
        None, allow_inf_nan=False, description="Lowest physically possible value."
    )
    upper: float | None = Field(
        None, allow_inf_nan=False, description="Highest physically possible value."
    )
    quantile_levels: tuple[Level, ...] = Field(
        DEFAULT_LEVELS, min_length=1, max_length=MAX_LEVELS, description="Levels shown by default."
    )
    preset: Preset = Field(
        "default",
        description="`fast`: minutes become seconds; `default`; `advanced`: more candidates, and "
        "their hyper-parameters searched.",
    )
    time_limit: float | None = Field(
        None,
        gt=0,
        description="Seconds the fit may take; the search ends in time for the rest, what is "
        "optional is left out where it does not fit, and the best model so far is returned.",
    )
    energy_limit_wh: float | None = Field(
        None, gt=0, description="Watt-hours the fit may take, as `time_limit`."
    )
    max_trials: int | None = Field(
        None, ge=0, description="Candidates and settings to try at most, beyond the references."
    )
    trial_workers: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Processes that try settings of hyper-parameters side by side, at most; as "
        "many as torch has threads when not given. What is found does not depend on it.",
    )
    warm_start: bool = Field(
        False,
        description="Try settings of hyper-parameters first that did best in your earlier jobs on "
        "this data set or on tables like it. What is found then depends on these jobs as well.",
    )
    forecasters: tuple[str, ...] | None = Field(
        None, min_length=1, description="Point forecasters to try; the preset's when not given."
    )
    given_forecast: str | None = Field(
        None,
        description="Known covariate that holds point forecasts made elsewhere: it joins the "
        "forecasters as `given`.",
    )
    quantile_models: tuple[str, ...] | None = Field(
        None, min_length=1, description="Quantile models to try; the preset's when not given."
    )
    training_methods: TrainingMethods = Field(
        default_factory=TrainingMethods,
        description="Training methods to compare, by kind of network; a leaderboard row each.",
    )
    test_fraction: float = Field(
        0.2, ge=0, le=0.5, description="Last part of each series, held out to report scores."
    )
    validation_fraction: float = Field(
        0.2, gt=0, le=0.5, description="Last part of the rest, used for every choice."
    )
    backtest: BacktestPlan | None = Field(
        None,
        description="Forecast the rows held out from rolling origins with the model that was "
        "chosen, before it sees them, and keep forecasts and scores of every window.",
    )
    prefer_cheaper_within: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of the best validation score that may be given up for less "
        "electricity: of the candidates within it, the one that took least to train becomes the "
        "model. What is measured differs a little from run to run, and so may the choice.",
    )
    min_coverage: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of validation and of test values that the 90 % interval must hold; "
        "models that miss it are marked as not recommended.",
    )
    conformal: bool = Field(
        False,
        description="Move the chosen model's central intervals halfway to those that held on "
        "validation what their level says. Fitted once and kept with the model.",
    )
    refit: bool = Field(
        True,
        description="Fit the winner again on all rows after choosing. Networks are kept as they "
        "are: without validation rows to end their training they come out worse.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Same seed, same machine, same result.")

    @field_validator("quantile_levels")
    @classmethod
    def _ascending(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(levels)))

    @field_validator("issue_times")
    @classmethod
    def _in_order(cls, times: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if times is None else tuple(sorted(set(times)))

    @model_validator(mode="after")
    def _consistent(self) -> "TaskConfig":
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError("`lower` must be below `upper`")
        if self.target in self.known_covariates:
            raise ValueError(f"the target '{self.target}' cannot be a known covariate")
        if self.target in self.static_features:
            raise ValueError(f"the target '{self.target}' cannot be a static feature")
        if self.given_forecast is not None and self.given_forecast not in self.known_covariates:
            raise ValueError(
                f"`given_forecast` names '{self.given_forecast}': add it to `known_covariates`"
            )
        if self.available_at is not None and not self.known_covariates:
            raise ValueError("`available_at` says when known covariates became known: name them")
        if self.backtest is not None and self.test_fraction == 0:
            raise ValueError("`backtest` forecasts the rows held out: `test_fraction` is 0")
        if self.backtest is not None and self.backtest.step is not None and self.issue_times:
            raise ValueError("`backtest.step` has no meaning beside `issue_times`: leave it out")
        if self.delivery_day is not None and len(self.issue_times or ()) != 1:
            raise ValueError("`delivery_day` needs one time in `issue_times`, such as 11:00")
        return self
