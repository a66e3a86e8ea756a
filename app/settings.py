"""Settings of the service, read from `AUTOPQ_*` environment variables."""

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from app.core import postgres
from app.core.artefacts import open_store
from app.core.logs import LogLevel
from app.core.storage import Storage
from autopq.data.limits import TableLimits

EngineName = Literal["local", "ray"]
PREFIX = "AUTOPQ_"
# Variables that are no settings of the service: the client's, and a worker's parent.
OTHER_VARIABLES = frozenset({"AUTOPQ_URL", "AUTOPQ_API_KEY", "AUTOPQ_PARENT_PID"})


class Settings(BaseSettings):
    """Every setting has a default that suits one machine and one user."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    data_dir: Path = Field(Path("var"), description="Folder of the database and all files.")
    database_url: str | None = Field(
        None, description="SQLAlchemy address; a SQLite file in `data_dir` by default."
    )
    database_password_file: Path | None = Field(
        None,
        description="File with the password of the database servers whose addresses hold none.",
    )
    artefacts_url: str | None = Field(
        None,
        description="Where other machines find datasets, models and forecasts: `file:///folder` or "
        "`s3://bucket/prefix`; `data_dir` alone by default.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    log_level: LogLevel = Field("info", description="Least important lines of the log.")
    requests_per_second: float = Field(
        100.0, gt=0, description="Requests a key may make in the long run."
    )
    requests_at_once: int = Field(1000, ge=1, description="Requests a key may make in a burst.")
    max_queued_jobs: int = Field(5000, ge=1, description="Jobs of a tenant that may wait.")
    max_queued_forecasts: int = Field(
        5000, ge=1, description="Forecasts of a tenant that may wait."
    )
    max_dataset_bytes: int = Field(
        20 * 2**30, ge=1, description="Bytes that the datasets of a tenant may have together."
    )
    max_upload_bytes: int = Field(256 * 2**20, ge=1, description="Largest dataset upload.")
    max_json_bytes: int = Field(16 * 2**20, ge=1024, description="Largest JSON request body.")
    max_rows: int = Field(5_000_000, ge=1, description="Most rows a table may have.")
    max_columns: int = Field(1000, ge=2, description="Most columns a table may have.")
    max_series: int = Field(50_000, ge=1, description="Most series a job's table may hold.")
    max_table_bytes: int = Field(
        2**30, ge=2**20, description="Largest size of a table in memory, however it is compressed."
    )
    max_cells: int = Field(50_000_000, ge=1, description="Most rows × columns a table may have.")
    max_forecast_values: int = Field(
        20_000_000, ge=1, description="Most paths × series × steps one forecast may hold."
    )
    check_processes: int = Field(2, ge=1, description="Processes that read and check tables.")
    check_memory_bytes: int = Field(
        4 * 2**30, ge=2**29, description="Address space one of these processes may use."
    )
    check_seconds: float = Field(300.0, gt=0, description="Longest time one check may take.")
    engine: EngineName = Field(
        "local", description="Where jobs run: as processes of this machine, or on a Ray cluster."
    )
    ray_address: str = Field(
        "http://127.0.0.1:8265", description="Where the head of the Ray cluster answers over HTTP."
    )
    ray_token_file: Path | None = Field(
        None, description="File with the cluster's token; `RAY_AUTH_TOKEN` counts without one."
    )
    cpus_per_job: int = Field(1, ge=1, description="Processors that a job takes of a Ray cluster.")
    gpus_per_job: int | None = Field(
        None, ge=0, description="Whole GPUs of a job; one where there are any by default."
    )
    ray_trials: int = Field(
        0,
        ge=0,
        description="Processes on any nodes of a Ray cluster in which a job tries settings side by "
        "side, each with a processor and, where jobs have GPUs, a GPU of its own; 0 keeps trials "
        "within the job's worker.",
    )
    max_concurrent_jobs: int | None = Field(
        None,
        ge=1,
        description="Jobs that run at the same time; by default one on this machine, and as many "
        "as find a place on a Ray cluster.",
    )
    max_running_jobs_per_tenant: int | None = Field(
        None, ge=1, description="The same, of one tenant; no limit of its own by default."
    )
    max_running_jobs_per_key: int | None = Field(
        None, ge=1, description="The same, of one API key."
    )
    worker_niceness: int = Field(
        10,
        ge=0,
        le=19,
        description="How far jobs stand back where the service and forecasts want a core as well.",
    )
    trial_workers: int | None = Field(
        None,
        ge=1,
        description="Processes that a job may try settings in side by side; as many as torch "
        "has threads by default, on Ray `cpus_per_job`.",
    )
    trials_database_url: str | None = Field(
        None,
        description="SQLAlchemy address of a database for the trials of searches, which must not "
        "be the service's own; a file in the job's folder by default.",
    )
    heartbeat_seconds: float = Field(
        1.0, gt=0, description="How often a worker writes progress and electricity."
    )
    silence_seconds: float = Field(
        600.0, ge=1, description="Time without a heartbeat after which a worker counts as hung."
    )
    cancel_grace_seconds: float = Field(
        2.0, ge=0, description="Time a stopped worker has before it is killed."
    )
    poll_seconds: float = Field(0.2, gt=0, description="How often queues are looked at.")
    lease_seconds: float = Field(
        10.0, gt=1, description="How long a silent supervisor keeps its role."
    )
    answer_cache_bytes: int = Field(
        16 * 2**20, ge=0, description="Memory for forecasts as they were last sent."
    )
    max_streams: int = Field(100, ge=1, description="Event streams open at the same time.")
    max_streams_per_key: int = Field(10, ge=1, description="The same, of one API key.")
    webhook_allow_private: bool = Field(
        False, description="Send webhooks to private, loopback and link-local addresses too."
    )
    webhook_retry_seconds: float = Field(
        10.0,
        gt=0,
        description="Time to the second try of a webhook; each next one takes four times as long.",
    )
    cached_models: int = Field(4, ge=1, description="Models the prediction worker keeps loaded.")
    country_iso_code: str = Field(
        "DEU", pattern="^[A-Z]{3}$", description="Country whose grid's carbon factor counts."
    )
    carbon_g_per_kwh: float | None = Field(
        None, ge=0, description="Carbon factor in g CO2e per kWh in place of the country's."
    )
    pue: float = Field(
        1.0, ge=1, le=5, description="Power usage effectiveness of the building; 1 counts none."
    )
    electricity_price: float = Field(0.30, ge=0, description="Price of a kWh in `currency`.")
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="Currency of the price.")
    cpu_watts: float | None = Field(
        None, gt=0, description="Power of all CPUs at full load, where no counter can be read."
    )
    cpu_idle_watts: float | None = Field(
        None, ge=0, description="Power of all CPUs without load; see `docs/energy.md`."
    )
    ram_watts: float | None = Field(None, ge=0, description="Power of the memory.")
    max_energy_wh_per_month: float | None = Field(
        None, gt=0, description="Electricity a tenant's jobs and forecasts may take in a month."
    )
    energy_sample_seconds: float = Field(
        1.0, ge=0.1, le=60, description="How often the machine's electricity is sampled."
    )
    supervise: bool = Field(True, description="Run jobs from this process, or only answer.")
    serve_api: bool = Field(
        True, description="Answer requests from this process, or only those for health and figures."
    )

    @field_validator("database_password_file")
    @classmethod
    def _readable(cls, file: Path | None) -> Path | None:
        if file is not None:
            try:
                _secret(file)
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"{file} cannot be read: {error}") from error
        return file

    @field_validator("artefacts_url")
    @classmethod
    def _known_store(cls, url: str | None) -> str | None:
        if url is not None:
            open_store(url)
        return url

    @model_validator(mode="after")
    def _has_work(self) -> Self:
        if not self.supervise and not self.serve_api:
            raise ValueError(
                "AUTOPQ_SUPERVISE and AUTOPQ_SERVE_API are both false, which leaves nothing to do"
            )
        return self

    @cached_property
    def storage(self) -> Storage:
        shared = None if self.artefacts_url is None else open_store(self.artefacts_url)
        return Storage(self.data_dir.resolve(), shared)

    @property
    def table_limits(self) -> TableLimits:
        return TableLimits(
            max_rows=self.max_rows,
            max_columns=self.max_columns,
            max_cells=self.max_cells,
            max_bytes=self.max_table_bytes,
            max_series=self.max_series,
        )

    @property
    def resolved_database_url(self) -> str:
        if self.database_url is None:
            return f"sqlite:///{self.storage.root / 'autopq.sqlite3'}"
        return self._with_password(self.database_url)

    @property
    def resolved_trials_database_url(self) -> str | None:
        if self.trials_database_url is None:
            return None
        # Optuna would take the driver that SQLAlchemy takes by default.
        complete = postgres.with_driver(make_url(self._with_password(self.trials_database_url)))
        return complete.render_as_string(hide_password=False)

    def _with_password(self, address: str) -> str:
        """The file is read anew each time, and only its name is handed to workers."""
        url = make_url(address)
        needs_none = url.get_backend_name() == "sqlite" or url.password is not None
        if self.database_password_file is None or needs_none:
            return address
        complete = url.set(password=_secret(self.database_password_file))
        return complete.render_as_string(hide_password=False)

    def effective(self, given: Collection[str] = ()) -> list[dict[str, Any]]:
        """Every setting with its value, fit to be shown, and where that is from: `option` for the
        names in `given`, `environment` or `default`."""
        return [
            {
                "name": name,
                "variable": f"{PREFIX}{name.upper()}",
                "value": _shown(name, value),
                "source": "option"
                if name in given
                else ("environment" if name in self.model_fields_set else "default"),
                "description": type(self).model_fields[name].description,
            }
            for name, value in self.model_dump(mode="json").items()
        ]

    def as_environment(self) -> dict[str, str]:
        """These settings as environment variables, for worker processes."""
        values = self.model_dump(exclude_none=True)
        values["data_dir"] = self.storage.root
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}


def _secret(file: Path) -> str:
    """Editors and `echo` end a file with a line break that is not part of the secret."""
    return file.read_text(encoding="utf-8").strip()


def _shown(name: str, value: Any) -> Any:
    """The value without the password that an address may hold."""
    if name not in ("database_url", "trials_database_url") or value is None:
        return value
    url = make_url(value)
    return url.set(query=dict.fromkeys(url.query, "***")).render_as_string(hide_password=True)
