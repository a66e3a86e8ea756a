"""Electricity over HTTP."""

from pydantic import BaseModel, Field


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
    seconds: float = Field(description="Time metered; processes at once count each.")
    kg_co2e: float
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


class JobEnergy(BaseModel):
    """A job's electricity, all attempts included. Each grouping adds up to the total."""

    job_id: str
    total: Figures
    by_phase: list[PhaseEnergy]
    by_trial: list[TrialEnergy]
    by_attempt: list[AttemptEnergy]


class EnergyGroup(Figures):
    key: str | None = Field(description="The day, forecaster or training method; null for none.")


class EnergySummary(BaseModel):
    """Electricity of all jobs and forecasts."""

    group_by: str
    total: Figures
    groups: list[EnergyGroup]
