"""Electricity over HTTP."""

from pydantic import BaseModel, Field

from app.core.bodies import RequestBody
from app.datasets.schemas import Version
from autopq.task import TaskConfig


class Source(BaseModel):
    """How a part of the figures was obtained."""

    cpu_method: str = Field(description="`rapl` is a counter, the models are estimates.")
    gpu_method: str
    ram_method: str
    measured: bool = Field(description="Whether every part that is not zero is from a counter.")
    country: str
    carbon_g_per_kwh: float
    pue: float
    tool: str
    idle_method: str = Field(description="How the CPUs' idle power was told apart.")
    attribution: str = Field(description="How the machine's figure was split between processes.")
    sampling_s: float = Field(description="Seconds between two samples of the machine.")
    carbon_source: str = Field(description="Where the carbon factor is from, with its year.")


class Figures(BaseModel):
    """Electricity of some part of the work, with how it was obtained."""

    cpu_wh: float = Field(description="What the CPUs drew above idle.")
    gpu_wh: float
    ram_wh: float
    idle_wh: float = Field(description="The part of the CPUs' idle power that goes with the work.")
    total_wh: float
    total_mj: int = Field(description="The same in whole millijoules, whose sums are exact.")
    seconds: float = Field(description="Time metered; processes at once count each.")
    kg_co2e: float
    cost: float = Field(description="At the configured price of a kWh, in `currency`.")
    currency: str
    idle_share: float = Field(description="`idle_wh` over `total_wh`.")
    low_wh: float = Field(description="Lower end of the error band of `total_wh`.")
    high_wh: float = Field(description="Upper end of the error band of `total_wh`.")
    measured: bool = Field(description="False as soon as any part is an estimate.")
    sources: list[Source]


class PhaseEnergy(Figures):
    phase: str


class TrialEnergy(Figures):
    """What ran inside one trial; `trial` is null for the rest of the phase."""

    attempt: int
    phase: str
    trial: str | None
    forecaster: str | None
    quantile_model: str | None
    training_method: str | None


class AttemptEnergy(Figures):
    attempt: int


class MethodEnergy(Figures):
    """What training by one method took; null for all that no training method was named for."""

    training_method: str | None


class JobEnergy(BaseModel):
    """A job's electricity, all attempts included. Each grouping adds up to the total."""

    job_id: str
    total: Figures
    by_phase: list[PhaseEnergy]
    by_trial: list[TrialEnergy]
    by_attempt: list[AttemptEnergy]
    by_training_method: list[MethodEnergy]


class EnergyGroup(Figures):
    key: str | None = Field(description="What the rows have in common; null for none of it.")


class EnergySummary(BaseModel):
    """Electricity of all jobs and forecasts."""

    group_by: str
    total: Figures
    groups: list[EnergyGroup]


class Candidate(BaseModel):
    """A candidate of a leaderboard, by what it scored and what it took."""

    name: str
    training_method: str | None
    score: float
    energy_wh: float
    on_front: bool = Field(description="Whether no other is both as good and as cheap.")


class Improvement(BaseModel):
    """From one candidate to a better one."""

    before: str
    name: str
    energy_wh: float = Field(description="More than the one before took.")
    gain: float = Field(description="Less of the score, in its units.")
    percent: float = Field(description="Gain in per cent of the score before.")
    wh_per_percent: float
    cost: float
    break_even_forecasts: float | None = Field(
        description="How many forecasts pay for the electricity; null without `value`."
    )


class Worth(BaseModel):
    """What accuracy cost in electricity: the Pareto front over a leaderboard, and its steps."""

    score: str = Field(description="The loss that is compared; lower is better.")
    part: str = Field(description="`test`, or `validation` where nothing was held out.")
    within: float
    value: float | None
    currency: str
    candidates: list[Candidate]
    front: list[Candidate] = Field(description="The cheapest first, each better than all before.")
    steps: list[Improvement] = Field(description="Along the front; the last one is the dearest.")
    whole: Improvement | None = Field(description="From the cheapest of the front to the best.")
    cheapest_within: Candidate | None = Field(
        description="The cheapest whose score is at most `1 + within` times the best."
    )
    methods_at_equal_accuracy: list[Candidate] = Field(
        description="The cheapest of each training method with such a score among them."
    )


class MachineEnergy(BaseModel):
    """A machine's electricity of a day; the parts add up to the total."""

    day: str
    host: str
    seconds: float
    total_wh: float
    attempts_wh: float = Field(description="Of jobs.")
    forecasts_wh: float = Field(description="Of the process that computes forecasts.")
    service_wh: float = Field(description="Of the service itself.")
    rest_wh: float = Field(description="Of all others, and of idle cores and unused memory.")


class MachinesEnergy(BaseModel):
    """What the machines of the service drew, the newest day first."""

    days: list[MachineEnergy]


class JobEstimate(RequestBody):
    """A job as it would be created."""

    dataset_id: str = Field(max_length=64)
    dataset_version: Version | None = Field(None, description="The newest, if null.")
    config: TaskConfig = Field(default_factory=TaskConfig)


class Range(BaseModel):
    """An estimate with an 80 % interval."""

    expected: float
    low: float
    high: float


class Estimate(BaseModel):
    """What a job will probably take, from jobs that succeeded on the same machine."""

    basis: str = Field(
        description="`same_task`: jobs of the same settings on tables of this size; "
        "`same_settings`: on tables of another size; `same_preset`: of other settings; `none`: "
        "there is no job to go by, and nothing is estimated."
    )
    jobs: int = Field(description="How many jobs it is based on.")
    energy_wh: Range | None
    seconds: Range | None
    minimum_energy_wh: float | None = Field(
        description="Least to allow a job that has a model in the end: what preparing, the "
        "reference rows, their scores and calibration took, and a fifth more."
    )
    minimum_seconds: float | None
