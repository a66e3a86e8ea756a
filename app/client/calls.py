"""The service's HTTP contract as values: what to send, and how to read the answer.

`Client` and `AsyncClient` differ only in how they send these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from app.accounts.schemas import Usage
from app.backtests.schemas import BacktestReport
from app.client.tables import PARQUET, Table
from app.datasets.schemas import Dataset, DatasetVersion
from app.energy.schemas import EnergySummary, Estimate, JobEnergy, Worth
from app.forecasts.schemas import ForecastStatus
from app.jobs.results import Audit
from app.jobs.schemas import Job, JobAudit, Leaderboard, Trial
from app.models.schemas import Model, Monitoring
from autopq.task import TaskConfig

if TYPE_CHECKING:
    import httpx
    import pandas as pd

    from app.core.pagination import Page  # brings the whole web framework with it

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

JSON = "application/json"
Config = TaskConfig | Mapping[str, Any]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. `creates` marks those that are sent under an idempotency key."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    table: Table | None = None
    accept: str = JSON
    creates: bool = False


def upload_dataset(table: Table, name: str | None) -> Call[Dataset]:
    params = {"name": name}
    return Call("POST", "/v1/datasets", _one(Dataset), params, table=table, creates=True)


def append_rows(dataset_id: str, rows: Table, available_at: str | None) -> Call[DatasetVersion]:
    path, params = f"/v1/datasets/{dataset_id}/rows", {"available_at": available_at}
    return Call("POST", path, _one(DatasetVersion), params, table=rows, creates=True)


def dataset(dataset_id: str) -> Call[Dataset]:
    return Call("GET", f"/v1/datasets/{dataset_id}", _one(Dataset))


def datasets(**filters: Any) -> Call[Page[Dataset]]:
    return Call("GET", "/v1/datasets", _page(Dataset), filters)


def dataset_versions(dataset_id: str, **filters: Any) -> Call[Page[DatasetVersion]]:
    path = f"/v1/datasets/{dataset_id}/versions"
    return Call("GET", path, _page(DatasetVersion), filters)


def audit_dataset(dataset_id: str, config: Config, version: int | None) -> Call[Audit]:
    body = {"config": settings_of(config), "version": version}
    return Call("POST", f"/v1/datasets/{dataset_id}/audit", _one(Audit), json=body)


def delete(path: str) -> Call[None]:
    return Call("DELETE", path, lambda _: None)


def submit_job(
    dataset_id: str, config: Config, *, webhook: str | None, deadline: datetime | None, **more: Any
) -> Call[Job]:
    options = {**more, **_when_and_where(webhook, deadline)}
    body = {"dataset_id": dataset_id, "config": settings_of(config), **_given(options)}
    return Call("POST", "/v1/jobs", _one(Job), json=body, creates=True)


def rerun_job(
    job_id: str, config: Config, *, webhook: str | None, deadline: datetime | None, **more: Any
) -> Call[Job]:
    options = {**more, **_when_and_where(webhook, deadline)}
    body = {"config": settings_of(config), **_given(options)}
    return Call("POST", f"/v1/jobs/{job_id}/rerun", _one(Job), json=body, creates=True)


def _when_and_where(webhook: str | None, deadline: datetime | None) -> dict[str, Any]:
    return {
        "webhook": None if webhook is None else {"url": webhook},
        "deadline": None if deadline is None else deadline.isoformat(),
    }


def job(job_id: str) -> Call[Job]:
    return Call("GET", f"/v1/jobs/{job_id}", _one(Job))


def jobs(**filters: Any) -> Call[Page[Job]]:
    return Call("GET", "/v1/jobs", _page(Job), filters)


def cancel(job_id: str) -> Call[Job]:
    return Call("POST", f"/v1/jobs/{job_id}/cancel", _one(Job))


def job_audit(job_id: str) -> Call[JobAudit]:
    return Call("GET", f"/v1/jobs/{job_id}/audit", _one(JobAudit))


def usage() -> Call[Usage]:
    return Call("GET", "/v1/usage", _one(Usage))


def leaderboard(job_id: str) -> Call[Leaderboard]:
    return Call("GET", f"/v1/jobs/{job_id}/leaderboard", _one(Leaderboard))


def trials(job_id: str, **filters: Any) -> Call[Page[Trial]]:
    return Call("GET", f"/v1/jobs/{job_id}/trials", _page(Trial), filters)


def backtest(job_id: str) -> Call[BacktestReport]:
    return Call("GET", f"/v1/jobs/{job_id}/backtest", _one(BacktestReport))


def backtest_table(job_id: str, part: str) -> Call[pd.DataFrame]:
    return _table(f"/v1/jobs/{job_id}/backtest/{part}", {})


def energy(job_id: str) -> Call[JobEnergy]:
    return Call("GET", f"/v1/jobs/{job_id}/energy", _one(JobEnergy))


def energy_worth(job_id: str, *, within: float, value: float | None) -> Call[Worth]:
    params = {"within": within, "value": value}
    return Call("GET", f"/v1/jobs/{job_id}/energy/worth", _one(Worth), params)


def estimate_job(dataset_id: str, config: Config) -> Call[Estimate]:
    body = {"dataset_id": dataset_id, "config": settings_of(config)}
    return Call("POST", "/v1/jobs:estimate", _one(Estimate), json=body)


def energy_summary(group_by: str) -> Call[EnergySummary]:
    return Call("GET", "/v1/energy", _one(EnergySummary), {"group_by": group_by})


def model(reference: str) -> Call[Model]:
    return Call("GET", f"/v1/models/{reference}", _one(Model))


def models(**filters: Any) -> Call[Page[Model]]:
    return Call("GET", "/v1/models", _page(Model), filters)


def model_versions(reference: str, **filters: Any) -> Call[Page[Model]]:
    return Call("GET", f"/v1/models/{reference}/versions", _page(Model), filters)


def promote(reference: str, alias: str) -> Call[Model]:
    return Call("POST", f"/v1/models/{reference}/promote", _one(Model), json={"alias": alias})


def update_model(
    reference: str, *, webhook: str | None, deadline: datetime | None, **more: Any
) -> Call[Job]:
    body = _given({**more, **_when_and_where(webhook, deadline)})
    return Call("POST", f"/v1/models/{reference}/updates", _one(Job), json=body, creates=True)


def download(reference: str) -> Call[httpx.Response]:
    return Call("GET", f"/v1/models/{reference}/download", lambda got: got, accept="*/*")


def monitoring(reference: str, dataset_id: str | None) -> Call[Monitoring]:
    path = f"/v1/models/{reference}/monitoring"
    if dataset_id is None:
        return Call("GET", path, _one(Monitoring))
    return Call("POST", path, _one(Monitoring), json={"actuals": _source(dataset_id)})


def create_forecast(
    reference: str, history: str | None, future_covariates: str | None, paths: int | None
) -> Call[ForecastStatus]:
    """Tables are datasets' ids."""
    body = {
        "history": _source(history),
        "future_covariates": _source(future_covariates),
        **_given({"paths": paths}),
    }
    path = f"/v1/models/{reference}/forecasts"
    return Call("POST", path, _one(ForecastStatus), json=body, creates=True)


def forecast_status(forecast_id: str) -> Call[ForecastStatus]:
    return Call("GET", f"/v1/forecasts/{forecast_id}/status", _one(ForecastStatus))


def forecasts(**filters: Any) -> Call[Page[ForecastStatus]]:
    return Call("GET", "/v1/forecasts", _page(ForecastStatus), filters)


def quantiles(forecast_id: str, levels: Sequence[float] | None) -> Call[pd.DataFrame]:
    return _table(f"/v1/forecasts/{forecast_id}", {"quantile_levels": _listed(levels)})


def paths(forecast_id: str) -> Call[pd.DataFrame]:
    return _table(f"/v1/forecasts/{forecast_id}/paths", {})


def aggregates(
    forecast_id: str, measure: str, window: str, levels: Sequence[float] | None
) -> Call[pd.DataFrame]:
    params = {"measure": measure, "window": window, "quantile_levels": _listed(levels)}
    return _table(f"/v1/forecasts/{forecast_id}/aggregates", params)


def settings_of(config: Config) -> dict[str, Any]:
    """A plain mapping is checked by the service alone."""
    if isinstance(config, TaskConfig):
        return config.model_dump(mode="json", exclude_unset=True)
    return dict(config)


def _one(kind: type[M]) -> Callable[[httpx.Response], M]:
    return lambda response: kind.model_validate_json(response.content)


def _page(kind: type[M]) -> Callable[[httpx.Response], Page[M]]:
    def read(response: httpx.Response) -> Page[M]:
        from app.core.pagination import Page

        page: Page[Any] = Page.model_validate_json(response.content)
        items = [kind.model_validate(item) for item in page.items]
        return Page(items=items, next_cursor=page.next_cursor)

    return read


def _table(path: str, params: Mapping[str, Any]) -> Call[pd.DataFrame]:
    def read(response: httpx.Response) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(BytesIO(response.content))

    return Call("GET", path, read, params, accept=PARQUET)


def _source(dataset_id: str | None) -> dict[str, str] | None:
    return None if dataset_id is None else {"dataset_id": dataset_id}


def _listed(levels: Sequence[float] | None) -> str | None:
    return None if levels is None else ",".join(str(float(level)) for level in levels)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
