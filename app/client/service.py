"""`Client`: the service's HTTP contract as typed calls."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from app.client.errors import NoModelError, ProblemError
from app.client.tables import PARQUET, Table, opened
from app.client.transport import Transport, retry_after
from app.datasets.schemas import Dataset
from app.energy.schemas import EnergySummary, JobEnergy
from app.forecasts.schemas import ForecastStatus
from app.jobs.schemas import Job, Leaderboard, Trial
from app.jobs.states import TERMINAL, JobState
from app.models.schemas import Model
from autopq.task import TaskConfig

if TYPE_CHECKING:
    import pandas as pd

    from app.core.pagination import Page  # brings the whole web framework with it

DEFAULT_URL = "http://127.0.0.1:8000"
KEY_VARIABLE = "AUTOPQ_API_KEY"
POLL_SECONDS = 0.5
FORECAST_POLL_SECONDS = 0.1

Config = TaskConfig | Mapping[str, Any]


class Client:
    """A connection to the service.

        with Client("http://127.0.0.1:8000") as client:
            table = client.fit_predict("load.csv", {"target": "load", "horizon": 24})

    `api_key` is taken from `AUTOPQ_API_KEY` when not given; a service without keys needs none.
    Tables are paths of CSV, Parquet or Arrow stream files, or DataFrames. Every call raises
    ProblemError when the service refuses and UnreachableError when nobody answers; reads are
    tried again when a connection breaks.
    """

    def __init__(self, url: str = DEFAULT_URL, api_key: str | None = None) -> None:
        self._transport = Transport(url, api_key or os.environ.get(KEY_VARIABLE))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    @property
    def url(self) -> str:
        return self._transport.url

    def upload_dataset(self, table: Table) -> Dataset:
        """Send a long table (series, time, target, covariates). Raises OSError for a file that
        cannot be read."""
        with opened(table) as (content, media_type):
            response = self._transport.post(
                "/v1/datasets", content=content, content_type=media_type
            )
        return Dataset.model_validate_json(response.content)

    def dataset(self, dataset_id: str) -> Dataset:
        return Dataset.model_validate_json(
            self._transport.get(f"/v1/datasets/{dataset_id}").content
        )

    def submit_job(self, dataset_id: str, config: Config) -> Job:
        """Queue a forecasting job. A plain mapping is checked by the service alone."""
        settings = (
            config.model_dump(mode="json", exclude_unset=True)
            if isinstance(config, TaskConfig)
            else dict(config)
        )
        body = {"dataset_id": dataset_id, "config": settings}
        return Job.model_validate_json(self._transport.post("/v1/jobs", json=body).content)

    def job(self, job_id: str) -> Job:
        return Job.model_validate_json(self._transport.get(f"/v1/jobs/{job_id}").content)

    def jobs(
        self, *, state: JobState | None = None, limit: int = 20, cursor: str | None = None
    ) -> Page[Job]:
        """Jobs, the newest first."""
        params = {"state": state, "limit": limit, "cursor": cursor}
        response = self._transport.get("/v1/jobs", params)
        from app.core.pagination import Page

        return Page[Job].model_validate_json(response.content)

    def wait(
        self,
        job_id: str,
        on_progress: Callable[[Job], None] | None = None,
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> Job:
        """The job once it succeeded, failed or was cancelled. `on_progress` sees every look."""
        while True:
            job = self.job(job_id)
            if on_progress is not None:
                on_progress(job)
            if job.state in TERMINAL:
                return job
            time.sleep(poll_seconds)

    def cancel(self, job_id: str) -> Job:
        """Ask for a job's end. Its worker is gone a few seconds later."""
        return Job.model_validate_json(self._transport.post(f"/v1/jobs/{job_id}/cancel").content)

    def leaderboard(self, job_id: str) -> Leaderboard:
        return Leaderboard.model_validate_json(
            self._transport.get(f"/v1/jobs/{job_id}/leaderboard").content
        )

    def trials(self, job_id: str, *, limit: int = 100, cursor: str | None = None) -> Page[Trial]:
        """Finished trials of all attempts, in the order of finishing."""
        params = {"limit": limit, "cursor": cursor}
        response = self._transport.get(f"/v1/jobs/{job_id}/trials", params)
        from app.core.pagination import Page

        return Page[Trial].model_validate_json(response.content)

    def energy(self, job_id: str) -> JobEnergy:
        """What a job took so far, by phase, trial and attempt."""
        return JobEnergy.model_validate_json(
            self._transport.get(f"/v1/jobs/{job_id}/energy").content
        )

    def energy_summary(self, group_by: str = "day") -> EnergySummary:
        """What all jobs and forecasts took, by `day`, `forecaster` or `training_method`."""
        response = self._transport.get("/v1/energy", {"group_by": group_by})
        return EnergySummary.model_validate_json(response.content)

    def model(self, model_id: str) -> Model:
        return Model.model_validate_json(self._transport.get(f"/v1/models/{model_id}").content)

    def forecast(
        self,
        model_id: str,
        history: Table | None = None,
        future_covariates: Table | None = None,
        quantile_levels: Sequence[float] | None = None,
    ) -> pd.DataFrame:
        """Quantile forecasts by a fitted model, without training.

        `history` are the latest known rows (the end of the training data when not given),
        `future_covariates` the known covariates of the steps to forecast. Returns one row a series
        and step: `item_id`, `timestamp` and a column per level, named as the level (`0.9`), in
        the target's units.
        """
        body = {
            "history": self._source(history),
            "future_covariates": self._source(future_covariates),
        }
        response = self._transport.post(f"/v1/models/{model_id}/forecasts", json=body)
        created = ForecastStatus.model_validate_json(response.content)
        return self.read_forecast(created.id, quantile_levels)

    def read_forecast(
        self, forecast_id: str, quantile_levels: Sequence[float] | None = None
    ) -> pd.DataFrame:
        """A requested forecast at any levels, as `forecast` returns it; waits until it is ready."""
        levels = (
            None if quantile_levels is None else ",".join(str(float(q)) for q in quantile_levels)
        )
        while True:
            try:
                response = self._transport.get(
                    f"/v1/forecasts/{forecast_id}", {"quantile_levels": levels}, accept=PARQUET
                )
            except ProblemError as error:
                if "Retry-After" not in error.response.headers:
                    raise
                time.sleep(min(FORECAST_POLL_SECONDS, retry_after(error.response, 1.0)))
            else:
                import pandas as pd

                return pd.read_parquet(BytesIO(response.content))

    def fit_predict(
        self,
        table: Table,
        config: Config,
        *,
        future_covariates: Table | None = None,
        quantile_levels: Sequence[float] | None = None,
        on_progress: Callable[[Job], None] | None = None,
    ) -> pd.DataFrame:
        """Upload, fit, and forecast from the end of the table: all in one call.

        Raises NoModelError when the job fails or is cancelled.
        """
        job = self.submit_job(self.upload_dataset(table).id, config)
        job = self.wait(job.id, on_progress)
        if job.model_id is None:
            raise NoModelError(job)
        return self.forecast(
            job.model_id,
            future_covariates=future_covariates,
            quantile_levels=quantile_levels,
        )

    def _source(self, table: Table | None) -> dict[str, str] | None:
        return None if table is None else {"dataset_id": self.upload_dataset(table).id}
