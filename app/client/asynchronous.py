"""`AsyncClient`: the same calls for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from app.accounts.schemas import Usage
from app.backtests.schemas import BacktestReport
from app.client import calls, flows
from app.client.calls import Call, Config
from app.client.errors import ProblemError, UnreachableError
from app.client.flows import PATIENCE_SECONDS, POLL_SECONDS, OnProgress
from app.client.service import DEFAULT_URL
from app.client.tables import Table
from app.client.transport import AsyncTransport
from app.datasets.schemas import Dataset, DatasetVersion
from app.energy.schemas import EnergySummary, Estimate, JobEnergy, Worth
from app.forecasts.schemas import ForecastStatus
from app.forecasts.states import ForecastState
from app.jobs.results import Audit
from app.jobs.schemas import Job, JobAudit, Leaderboard, Trial
from app.jobs.states import JobState
from app.models.schemas import Model, Monitoring

if TYPE_CHECKING:
    import pandas as pd

    from app.core.pagination import Page  # brings the whole web framework with it

T = TypeVar("T")


class AsyncClient:
    """As `Client`, call by call.

    async with AsyncClient() as client:
        table = await client.forecast("load.csv", horizon=24, target="load")
    """

    def __init__(self, url: str = DEFAULT_URL, api_key: str | None = None) -> None:
        self._transport = AsyncTransport(url, api_key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    @property
    def url(self) -> str:
        return self._transport.url

    async def _send(self, call: Call[T]) -> T:
        return await self._transport.send(call)

    # ------------------------------------------------------------------------ all in one call

    async def forecast(
        self,
        table: Table,
        horizon: int = 24,
        *,
        config: Config | None = None,
        future_covariates: Table | None = None,
        quantile_levels: Sequence[float] | None = None,
        progress: bool = False,
        on_progress: OnProgress | None = None,
        **settings: Any,
    ) -> pd.DataFrame:
        """Upload, fit, and forecast from the end of the table.

        Settings of the task are given one by one (`target="load"`, `preset="fast"`) or as `config`.
        Returns what `predict` returns; its `attrs` name the `job_id` and `model_id`, to predict
        again without fitting. Raises NoModelError when the job fails or is cancelled.
        """
        dataset = await self.upload_dataset(table)
        job = await self.submit_job(dataset.id, flows.task(dataset, horizon, config, settings))
        with flows.shown(progress, on_progress) as callback:
            model_id = flows.model_of(await self.wait(job.id, callback))
        found = await self.predict(model_id, None, future_covariates, quantile_levels)
        found.attrs |= {"job_id": job.id, "model_id": model_id}
        return found

    # ------------------------------------------------------------------------ datasets

    async def upload_dataset(self, table: Table, name: str | None = None) -> Dataset:
        """Send a long table (series, time, target, covariates). Raises OSError for a file that
        cannot be read."""
        return await self._send(calls.upload_dataset(table, name))

    async def append_rows(
        self, dataset_id: str, rows: Table, *, available_at: str | None = None
    ) -> DatasetVersion:
        """Add rows that arrived since, or fill in what was empty: a new version. `available_at` is
        the column that tells vintages of one stamp apart, if there are such."""
        return await self._send(calls.append_rows(dataset_id, rows, available_at))

    async def dataset(self, dataset_id: str) -> Dataset:
        return await self._send(calls.dataset(dataset_id))

    async def datasets(
        self, *, name: str | None = None, limit: int = 20, cursor: str | None = None
    ) -> Page[Dataset]:
        """Datasets, the newest first."""
        return await self._send(calls.datasets(name=name, limit=limit, cursor=cursor))

    async def dataset_versions(
        self, dataset_id: str, *, limit: int = 20, cursor: str | None = None
    ) -> Page[DatasetVersion]:
        """Versions of a dataset, the newest first."""
        return await self._send(calls.dataset_versions(dataset_id, limit=limit, cursor=cursor))

    async def audit_dataset(
        self, dataset_id: str, config: Config, *, version: int | None = None
    ) -> Audit:
        """What a job with this config would find."""
        return await self._send(calls.audit_dataset(dataset_id, config, version))

    async def delete_dataset(self, dataset_id: str) -> None:
        await self._send(calls.delete(f"/v1/datasets/{dataset_id}"))

    # ------------------------------------------------------------------------ jobs

    async def submit_job(
        self,
        dataset_id: str,
        config: Config,
        *,
        dataset_version: int | None = None,
        model_name: str | None = None,
        priority: int | None = None,
        deadline: datetime | None = None,
        webhook: str | None = None,
    ) -> Job:
        """Queue a forecasting job. A plain mapping is checked by the service alone. `deadline` has
        a time zone; `webhook` is the address that is told the job's end."""
        call = calls.submit_job(
            dataset_id,
            config,
            dataset_version=dataset_version,
            model_name=model_name,
            priority=priority,
            deadline=deadline,
            webhook=webhook,
        )
        return await self._send(call)

    async def rerun_job(
        self,
        job_id: str,
        config: Config | None = None,
        *,
        dataset_version: int | None = None,
        priority: int | None = None,
        deadline: datetime | None = None,
        webhook: str | None = None,
    ) -> Job:
        """Queue a job like that one, with the given settings changed."""
        call = calls.rerun_job(
            job_id,
            config or {},
            dataset_version=dataset_version,
            priority=priority,
            deadline=deadline,
            webhook=webhook,
        )
        return await self._send(call)

    async def delete_job(self, job_id: str) -> None:
        """Remove a job that has ended, with its model and files."""
        await self._send(calls.delete(f"/v1/jobs/{job_id}"))

    async def job_audit(self, job_id: str) -> JobAudit:
        """What the audit of the data under the job's config found."""
        return await self._send(calls.job_audit(job_id))

    async def usage(self) -> Usage:
        """What the tenant has waiting and stored, against what it may have."""
        return await self._send(calls.usage())

    async def job(self, job_id: str) -> Job:
        return await self._send(calls.job(job_id))

    async def jobs(
        self, *, state: JobState | None = None, limit: int = 20, cursor: str | None = None
    ) -> Page[Job]:
        """Jobs, the newest first."""
        return await self._send(calls.jobs(state=state, limit=limit, cursor=cursor))

    async def wait(
        self,
        job_id: str,
        on_progress: OnProgress | None = None,
        *,
        poll_seconds: float = POLL_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> Job:
        """The job once it succeeded, failed or was cancelled. `on_progress` sees every look.

        Any process may wait for any job, as often as it likes. A service that does not answer, such
        as over a restart, is waited for during `patience` seconds.
        """
        patient = flows.Patience(patience)
        while True:
            try:
                job = await self.job(job_id)
            except UnreachableError as error:
                patient.check(error)
            else:
                patient.heard()
                if flows.has_ended(job, on_progress):
                    return job
            await asyncio.sleep(poll_seconds)

    async def cancel(self, job_id: str) -> Job:
        """Ask for a job's end. Its worker is gone a few seconds later."""
        return await self._send(calls.cancel(job_id))

    async def leaderboard(self, job_id: str) -> Leaderboard:
        return await self._send(calls.leaderboard(job_id))

    async def backtest(self, job_id: str) -> BacktestReport:
        """How the job's model forecast the rows held out, if its config has a `backtest`."""
        return await self._send(calls.backtest(job_id))

    async def backtest_table(self, job_id: str, part: str = "windows") -> pd.DataFrame:
        """A row a window with its scores; `part` may be `series` or `forecasts` as well."""
        return await self._send(calls.backtest_table(job_id, part))

    async def trials(
        self, job_id: str, *, limit: int = 100, cursor: str | None = None
    ) -> Page[Trial]:
        """Finished trials of all attempts, in the order of finishing."""
        return await self._send(calls.trials(job_id, limit=limit, cursor=cursor))

    async def energy(self, job_id: str) -> JobEnergy:
        """What a job took so far, by phase, trial and attempt."""
        return await self._send(calls.energy(job_id))

    async def energy_worth(
        self, job_id: str, *, within: float = 0.01, value: float | None = None
    ) -> Worth:
        """What the accuracy of a job's candidates cost in electricity; `value` is what a forecast
        is worth more for each unit of the score less."""
        return await self._send(calls.energy_worth(job_id, within=within, value=value))

    async def estimate(self, dataset_id: str, config: Config | None = None) -> Estimate:
        """What such a job will probably take, from jobs on the same machine."""
        return await self._send(calls.estimate_job(dataset_id, config or {}))

    async def energy_summary(self, group_by: str = "day") -> EnergySummary:
        """What all jobs and forecasts took, by `day`, `dataset`, `forecaster`,
        `training_method`, `preset` or `job`."""
        return await self._send(calls.energy_summary(group_by))

    # ------------------------------------------------------------------------ models

    async def model(self, model: str) -> Model:
        return await self._send(calls.model(model))

    async def models(
        self,
        *,
        name: str | None = None,
        alias: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page[Model]:
        """Models, the newest first."""
        return await self._send(calls.models(name=name, alias=alias, limit=limit, cursor=cursor))

    async def model_versions(
        self, model: str, *, limit: int = 20, cursor: str | None = None
    ) -> Page[Model]:
        """All models of this one's name, the newest first."""
        return await self._send(calls.model_versions(model, limit=limit, cursor=cursor))

    async def promote_model(self, model: str, alias: str) -> Model:
        """Let `name@alias` mean this model from now on."""
        return await self._send(calls.promote(model, alias))

    async def update_model(
        self,
        model: str,
        *,
        dataset_version: int | None = None,
        priority: int | None = None,
        deadline: datetime | None = None,
        webhook: str | None = None,
    ) -> Job:
        """Queue a job that takes the model to the newest rows of its dataset, without a search; its
        model is the next version of the name."""
        call = calls.update_model(
            model,
            dataset_version=dataset_version,
            priority=priority,
            deadline=deadline,
            webhook=webhook,
        )
        return await self._send(call)

    async def download_model(self, model: str, path: str | Path) -> Path:
        """Write the model's files as one ZIP; unpacked, `autopq.FittedModel.load` reads them."""
        written = Path(path)
        response = await self._send(calls.download(model))
        await asyncio.to_thread(written.write_bytes, response.content)
        return written

    async def monitoring(self, model: str, actuals: Table | None = None) -> Monitoring:
        """How past forecasts did, week by week, against the actuals appended to the model's
        dataset, or against those given."""
        return await self._send(calls.monitoring(model, await self._uploaded(actuals)))

    async def delete_model(self, model: str) -> None:
        await self._send(calls.delete(f"/v1/models/{model}"))

    # ------------------------------------------------------------------------ forecasts

    async def predict(
        self,
        model: str,
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
        created = await self.create_forecast(model, history, future_covariates)
        found = await self.read_forecast(created.id, quantile_levels)
        found.attrs["forecast_id"] = created.id
        return found

    async def create_forecast(
        self,
        model: str,
        history: Table | None = None,
        future_covariates: Table | None = None,
        *,
        paths: int | None = None,
    ) -> ForecastStatus:
        """Ask for a forecast, with so many sample paths, to be read later."""
        sources = (await self._uploaded(history), await self._uploaded(future_covariates))
        return await self._send(calls.create_forecast(model, *sources, paths))

    async def _uploaded(self, table: Table | None) -> str | None:
        return None if table is None else (await self.upload_dataset(table)).id

    async def forecast_status(self, forecast_id: str) -> ForecastStatus:
        return await self._send(calls.forecast_status(forecast_id))

    async def forecasts(
        self,
        *,
        model_id: str | None = None,
        state: ForecastState | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page[ForecastStatus]:
        """Forecasts, the newest first."""
        return await self._send(
            calls.forecasts(model_id=model_id, state=state, limit=limit, cursor=cursor)
        )

    async def read_forecast(
        self, forecast_id: str, quantile_levels: Sequence[float] | None = None
    ) -> pd.DataFrame:
        """A requested forecast at any levels, as `predict` returns it; waits until it is ready."""
        return await self._once_ready(calls.quantiles(forecast_id, quantile_levels))

    async def aggregates(
        self,
        forecast_id: str,
        measure: str = "sum",
        window: str = "day",
        quantile_levels: Sequence[float] | None = None,
    ) -> pd.DataFrame:
        """Quantiles of day sums, peaks (`max`) or ramps, one row a series and window."""
        return await self._once_ready(
            calls.aggregates(forecast_id, measure, window, quantile_levels)
        )

    async def paths(self, forecast_id: str) -> pd.DataFrame:
        """Joint sample paths: `item_id, timestamp, path, value`."""
        return await self._once_ready(calls.paths(forecast_id))

    async def delete_forecast(self, forecast_id: str) -> None:
        await self._send(calls.delete(f"/v1/forecasts/{forecast_id}"))

    async def _once_ready(self, call: Call[T]) -> T:
        while True:
            try:
                return await self._send(call)
            except ProblemError as error:
                await asyncio.sleep(flows.pause_until_ready(error))
