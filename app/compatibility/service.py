"""Answers KServe's forecast requests with our own jobs, models and forecasts."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from anyio import to_thread

from app.compatibility.schemas import (
    ForecastOutput,
    ForecastRequest,
    ForecastResponse,
    TimeSeriesForecast,
    TimeSeriesInput,
)
from app.core.clock import now
from app.core.context import RequestContext
from app.core.errors import ConflictError, Problem, invalid
from app.core.idempotency import Effect
from app.datasets import service as datasets
from app.datasets.references import TableReference
from app.forecasts import repository as forecasts
from app.forecasts import service as forecast_service
from app.forecasts.export import iso
from app.forecasts.negotiation import distinct
from app.forecasts.schemas import ForecastCreate
from app.jobs import repository as jobs
from app.jobs import service as job_service
from app.jobs.schemas import Job, JobCreate
from app.jobs.states import TERMINAL
from app.models import repository as models
from autopq.evaluation.scores import cell_widths
from autopq.forecast import Forecast
from autopq.task import TaskConfig

FAST = "fast"
WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1
_ANY_START = "2000-01-01T00:00:00"
_STEPS = {
    "S": pd.DateOffset(seconds=1),
    "T": pd.DateOffset(minutes=1),
    "H": pd.DateOffset(hours=1),
    "D": pd.DateOffset(days=1),
    "W": pd.DateOffset(weeks=1),
    "M": pd.DateOffset(months=1),
    "Q": pd.DateOffset(months=3),
    "Y": pd.DateOffset(years=1),
}
_SHORT = {
    "second": "S",
    "minute": "T",
    "hour": "H",
    "day": "D",
    "week": "W",
    "month": "M",
    "quarter": "Q",
    "year": "Y",
}
_PATHS = 1  # none is asked for, and one is the fewest

T = TypeVar("T")


@dataclass(frozen=True)
class _Layout:
    """What the columns of the inputs are called; None where the series has no name."""

    timestamp: str = "timestamp"
    target: str = "target"
    item_id: str | None = "item_id"


async def forecast(
    context: RequestContext, request: ForecastRequest, once: Effect
) -> ForecastResponse:
    """Raises NotFoundError, InputError, InvalidRequestError, ConflictError where a fit failed."""
    _check_names(request)
    once.identify(request.model_dump_json().encode())
    deadline = time.monotonic() + WAIT_SECONDS
    reference, layout = request.model, _Layout()
    if request.model == FAST:
        job_id = await context.with_checks(_submit, context, request, once)
        model_id = await _settled(context, _model_of_job, job_id, deadline)
        if model_id is None:
            return _answer(job_id, request, [])
        reference = model_id
        body = ForecastCreate(paths=_PATHS)
        once = once.part("forecast")
    else:
        layout, horizon = await to_thread.run_sync(_known, context, reference)
        if request.options.horizon > horizon:
            raise invalid(
                "options.horizon", f"the model forecasts {horizon} steps.", "Ask for no more."
            )
        history = TableReference(columns=_columns(request, layout, _start_of))
        body = ForecastCreate(history=history, paths=_PATHS)
    create = partial(forecast_service.create, context, reference, body)
    forecast_id = await context.with_checks(once.id_of, create)
    finished = await _settled(context, _finished, forecast_id, deadline)
    if finished is None:
        return _answer(forecast_id, request, [])
    content = [_content(finished, request, one) for one in request.inputs]
    output = ForecastOutput(id=forecast_id, status="completed", content=content)
    return _answer(forecast_id, request, [output])


def _check_names(request: ForecastRequest) -> None:
    names = [one.name for one in request.inputs]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise invalid("inputs", f"'{repeated}' comes twice.", "Give each series its own name.")
    if len({one.frequency for one in request.inputs}) > 1:
        raise invalid("inputs", "the frequencies differ.", "Send one frequency in a request.")


def _submit(context: RequestContext, request: ForecastRequest, once: Effect) -> str:
    """Fit the fast preset on the inputs; the id of the job."""
    columns = _columns(request, _Layout(), lambda one: one.start_timestamp or _ANY_START)
    config = TaskConfig(horizon=request.options.horizon, preset="fast")

    def create(effect: Effect) -> Job:
        dataset_id = once.part("dataset").id_of(partial(datasets.create_inline, context, columns))
        return job_service.create(context, JobCreate(dataset_id=dataset_id, config=config), effect)

    return once.id_of(create)


def _known(context: RequestContext, reference: str) -> tuple[_Layout, int]:
    with context.read() as session:
        model = models.get(session, reference)
        audit = models.job_of(session, model).audit
    layout = _Layout(audit["timestamp"], audit["target"], audit["item_id"])
    return layout, int(model.config["horizon"])


def _start_of(one: TimeSeriesInput) -> str:
    if one.start_timestamp is None:
        raise invalid(
            "inputs.start_timestamp",
            f"'{one.name}' has none, so a fitted model cannot place it.",
            "Add the stamp of the first value.",
        )
    return one.start_timestamp


def _columns(
    request: ForecastRequest, layout: _Layout, start_of: Callable[[TimeSeriesInput], str]
) -> dict[str, list[Any]]:
    """The inputs as one long table."""
    columns: dict[str, list[Any]] = {layout.timestamp: [], layout.target: []}
    if layout.item_id is None and len(request.inputs) > 1:
        raise invalid("inputs", "the model knows one series.", "Send one input.")
    for one in request.inputs:
        columns[layout.timestamp] += _stamps(one, start_of(one))
        columns[layout.target] += one.series
        if layout.item_id is not None:
            columns.setdefault(layout.item_id, []).extend([one.name] * len(one.series))
    return columns


def _stamps(one: TimeSeriesInput, start: str) -> list[str]:
    step = _STEPS[_SHORT.get(one.frequency, one.frequency)]
    try:
        first = pd.Timestamp(start)
        return [(first + k * step).isoformat() for k in range(len(one.series))]
    except (ValueError, OverflowError) as error:
        raise invalid(
            "inputs.start_timestamp",
            f"'{start[:40]}' and the {len(one.series)} steps after it are no time stamps.",
            "Write it like 2026-01-31T13:00:00+01:00.",
        ) from error


async def _settled(
    context: RequestContext,
    look: Callable[[RequestContext, str], T | None],
    found_by: str,
    deadline: float,
) -> T | None:
    """What `look` finds, once it finds something; None after the deadline."""
    while True:
        found = await to_thread.run_sync(look, context, found_by)
        if found is not None or time.monotonic() > deadline:
            return found
        await asyncio.sleep(_POLL_SECONDS)


def _model_of_job(context: RequestContext, job_id: str) -> str | None:
    with context.read() as session:
        job = jobs.get(session, job_id)
        if job.state not in TERMINAL:
            return None
        model_id = models.ids_of_jobs(session, [job_id]).get(job_id)
    if model_id is None:
        raise ConflictError(f"The fit on these inputs {job.state}: {job.message}")
    return model_id


def _finished(context: RequestContext, forecast_id: str) -> Forecast | None:
    with context.read() as session:
        row = forecasts.get(session, forecast_id)
    if row.state in ("queued", "running"):
        return None
    if row.error is not None:
        problem = Problem.model_validate(row.error)
        raise ConflictError(f"The forecast failed. {problem.detail}", findings=problem.errors)
    return forecast_service.load(context, row)


def _content(found: Forecast, request: ForecastRequest, one: TimeSeriesInput) -> TimeSeriesForecast:
    number = found.item_ids.index(one.name) if len(found.item_ids) > 1 else 0
    steps = slice(0, request.options.horizon)
    quantiles = found.quantiles[number, steps]
    stamps = found.index()["timestamp"]
    first = stamps.iloc[[number * found.timestamps.shape[1]]]
    levels = distinct(request.options.quantiles or ())
    shown = found.at(levels)[number, steps] if levels else np.empty((0, 0))
    return TimeSeriesForecast(
        name=one.name,
        mean_forecast=(quantiles @ cell_widths(found.levels)).tolist(),
        frequency=one.frequency,
        start_timestamp=iso(first)[0],
        quantiles={f"{level:g}": shown[:, i].tolist() for i, level in enumerate(levels)} or None,
    )


def _answer(
    found_by: str, request: ForecastRequest, outputs: list[ForecastOutput]
) -> ForecastResponse:
    return ForecastResponse(
        id=found_by,
        created_at=int(now().timestamp()),
        status="completed" if outputs else "pending",
        model=request.model,
        outputs=outputs,
    )
