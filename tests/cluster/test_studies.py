"""Trials of searches in a database of their own, on PostgreSQL: kept as long as a job may go on
with them, and no longer."""

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager

import pandas as pd
import psycopg
import pytest

from tests.app.aftermath import pid_of_attempt
from tests.app.conftest import Service
from tests.app.test_resumed_search import SEARCH, tuned
from tests.postgres import PostgresServer

Make = Callable[..., AbstractContextManager[Service]]


def jobs_and_trials(url: str) -> list[tuple[str, int]]:
    """(job id, finished trials) of every job that has studies."""
    query = (
        "SELECT split_part(study_name, '/', 1), count(trial_id) FILTER (WHERE state <> 'RUNNING') "
        "FROM studies LEFT JOIN trials USING (study_id) GROUP BY 1 ORDER BY 1"
    )
    try:
        with psycopg.connect(url) as connection:
            return connection.execute(query).fetchall()
    except psycopg.errors.UndefinedTable:
        return []  # no search has begun yet


def rows_left(url: str) -> int:
    tables = ("studies", "study_directions", "trials", "trial_params", "trial_user_attributes")
    with psycopg.connect(url) as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {name}") for name in tables]
        return sum(count.fetchall()[0][0] for count in counts)


@pytest.mark.timeout(1500)
def test_studies_last_as_long_as_their_job(
    postgres: PostgresServer, serving: Make, table: pd.DataFrame
) -> None:
    trials = postgres.create_database()
    with serving(postgres.create_database(), trials_database_url=trials) as service:

        def tried(job_id: str) -> int:
            return dict(jobs_and_trials(trials)).get(job_id, 0)

        dataset_id = service.upload(table)
        stopped = service.submit(dataset_id, **SEARCH)
        service.until(lambda: tried(stopped["id"]), "a trial", 600)
        waiting = service.submit(dataset_id, **SEARCH)["id"]
        service.http.post(stopped["links"]["cancel"]).raise_for_status()
        assert service.finish(stopped["id"])["state"] == "cancelled"

        service.until(lambda: tried(waiting) >= 3, "some trials", 600)
        os.kill(pid_of_attempt(service, waiting, 1), signal.SIGKILL)
        service.until(lambda: service.job(waiting)["attempt"] == 2, "the second attempt")
        assert [job for job, _ in jobs_and_trials(trials)] == [waiting]
        ended = service.finish(waiting, 600)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
        names = [name for _, name in tuned(service, waiting)]
        assert len(names) == len(set(names)) == 8  # those of the first attempt were not run again
        service.until(lambda: not rows_left(trials), "the studies to go")
