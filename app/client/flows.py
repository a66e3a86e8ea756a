"""What both clients decide alike in the calls that take several requests."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from app.client.calls import Config, settings_of
from app.client.errors import NoModelError, ProblemError, UnreachableError
from app.client.progress import progress_of_job
from app.client.transport import retry_after
from app.datasets.schemas import Dataset
from app.jobs.schemas import Job
from app.jobs.states import TERMINAL

POLL_SECONDS = 0.5
FORECAST_POLL_SECONDS = 0.1
PATIENCE_SECONDS = 300.0

_USUAL_TARGETS = ("target", "y", "value")

OnProgress = Callable[[Job], None]


class Patience:
    """How long a wait outlives a service that does not answer, such as over its restart."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._heard = time.monotonic()

    def heard(self) -> None:
        self._heard = time.monotonic()

    def check(self, error: UnreachableError) -> None:
        """Raises the error once there was no answer for long enough."""
        if time.monotonic() - self._heard > self._seconds:
            raise error


def has_ended(job: Job, on_progress: OnProgress | None) -> bool:
    if on_progress is not None:
        on_progress(job)
    return job.state in TERMINAL


def model_of(job: Job) -> str:
    """Raises NoModelError."""
    if job.model_id is None:
        raise NoModelError(job)
    return job.model_id


def pause_until_ready(error: ProblemError) -> float:
    """Seconds until an unfinished forecast may be asked for again. Raises the error where waiting
    will not help."""
    if "Retry-After" not in error.response.headers:
        raise error
    return min(FORECAST_POLL_SECONDS, retry_after(error.response, 1.0))


def task(dataset: Dataset, horizon: int, config: Config | None, more: Mapping[str, Any]) -> Config:
    """The settings of a one-call forecast. The target of a table with one column of numbers needs
    no name."""
    settings = {"horizon": horizon, **(settings_of(config) if config is not None else {}), **more}
    columns = {column.name: column.kind for column in dataset.inspection.columns}
    if "target" not in settings and not any(name in columns for name in _USUAL_TARGETS):
        taken = (dataset.inspection.item_id, dataset.inspection.timestamp)
        numbers = [n for n, kind in columns.items() if kind == "number" and n not in taken]
        others = [n for n in numbers if n not in settings.get("known_covariates", ())]
        if len(others) == 1:
            settings["target"] = others[0]
    return settings


def shown(progress: bool, on_progress: OnProgress | None) -> AbstractContextManager[Any]:
    """The callback to give to `wait`."""
    return progress_of_job() if progress and on_progress is None else nullcontext(on_progress)
