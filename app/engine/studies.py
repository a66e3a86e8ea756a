"""Clears the trials' database, where there is one, of the searches of jobs that have ended."""

import threading
from collections.abc import Collection

import structlog

from app.core.database import Database
from app.jobs import repository
from app.jobs.search import job_of_study
from app.jobs.states import TERMINAL
from app.settings import Settings

log = structlog.get_logger(__name__)


def sweep_studies(url: str, database: Database) -> None:
    """Delete the studies at `url` of jobs that the service's `database` knows to have ended. What
    belongs to jobs it does not know may be another service's. Raises whatever either raises."""
    # Services that keep no trials in a database do without the memory that this takes.
    from autopq.search.forget import forget

    def ended(names: Collection[str]) -> list[str]:
        with database.read() as session:
            jobs = sorted({job_of_study(name) for name in names})
            states = repository.states(session, jobs, deleted=True)
        return [name for name in names if states.get(job_of_study(name)) in TERMINAL]

    gone = forget(url, ended)
    if gone:
        log.info("searches of ended jobs removed", studies=len(gone))


class StudySweeper:
    """`want` says that there may be such studies; `tend` sees to it that a thread removes them:
    that database may be slow or gone, and the supervisor must not wait for it."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._wanted = False
        self._thread: threading.Thread | None = None

    def want(self) -> None:
        self._wanted = self._settings.trials_database_url is not None

    def tend(self) -> None:
        at_work = self._thread is not None and self._thread.is_alive()
        if self._wanted and not at_work:
            self._wanted = False
            self._thread = threading.Thread(target=self._sweep, name="studies", daemon=True)
            self._thread.start()

    def _sweep(self) -> None:
        try:
            url = self._settings.resolved_trials_database_url
            if url is not None:
                sweep_studies(url, self._database)
        except Exception as error:
            # They are looked for again at the next end of a job, or within the hour.
            log.warning("the database of trials cannot be cleared now", error=str(error))
