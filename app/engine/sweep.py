"""Removes files that nobody needs: those that a power cut or a kill left without a row, and what
only unfinished jobs have a use for."""

import shutil
import time
from collections.abc import Mapping, Set
from datetime import timedelta
from pathlib import Path

import structlog

from app.core.artefacts import ArtefactError, ArtefactStore
from app.core.clock import now
from app.core.database import Database
from app.core.storage import Storage
from app.datasets import repository as datasets
from app.forecasts import repository as forecasts
from app.jobs import repository as jobs
from app.jobs.states import TERMINAL
from app.models import repository as models

log = structlog.get_logger(__name__)

# Younger files may belong to a request that another process is just serving.
MIN_AGE_S = 3600.0


def sweep(storage: Storage, database: Database, *, min_age: float = MIN_AGE_S) -> None:
    """Remove uploads, datasets, models, forecast files and workers' logs that no row names, logs
    of attempts that have a model, and searches of jobs that have ended."""
    searches = {path: path.name for path in storage.searches.iterdir()}
    logs = {path: job for path in storage.logs.iterdir() if (job := storage.job_of_log(path))}
    with database.read() as session:
        wanted = {
            storage.datasets: {
                storage.dataset(*version).name for version in datasets.files(session)
            },
            storage.models: {f"{job}-{attempt}" for job, attempt in models.makers(session)},
            storage.incoming: set(),
        }
        asked_for = set(forecasts.ids(session))
        states = jobs.states(session, sorted({*searches.values(), *logs.values()}))
    left = [
        path
        for folder, names in wanted.items()
        for path in folder.iterdir()
        if path.name not in names
    ]
    left += [
        path
        for path in storage.forecasts.iterdir()
        if path.name.split("-")[0].split(".")[0] not in asked_for
    ]
    succeeded = wanted[storage.models]
    left += [path for path, job in logs.items() if job not in states or path.stem in succeeded]
    unfinished = {job for job, state in states.items() if state not in TERMINAL}
    left += [path for path, job in searches.items() if job not in unfinished]
    for path in left:
        if _age(path) >= min_age:
            log.info("removing a leftover", name=path.name)
            _remove(path)
    if storage.shared is not None:
        try:
            _sweep_shared(storage, storage.shared, wanted, asked_for, min_age)
        except ArtefactError as error:
            log.warning("the store cannot be swept now", error=str(error))


def _sweep_shared(
    storage: Storage,
    shared: ArtefactStore,
    wanted: Mapping[Path, Set[str]],
    asked_for: Set[str],
    min_age: float,
) -> None:
    """The same where other machines find the files."""
    oldest = now() - timedelta(seconds=min_age)
    shared.tidy(oldest)
    for folder in (storage.datasets, storage.models, storage.forecasts):
        for name, written in shared.names(folder.name).items():
            last = name.rpartition("/")[2]
            known = (
                last.split("-")[0].split(".")[0] in asked_for
                if folder == storage.forecasts
                else last in wanted[folder]
            )
            if not known and written < oldest:
                log.info("removing a leftover", name=name)
                shared.delete(name)


def _age(path: Path) -> float:
    """In seconds; negative for one that was just removed."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return -1.0


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
