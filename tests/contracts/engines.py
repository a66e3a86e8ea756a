"""The contract of engines: one suite, and what each engine must bring to be put through it.

A test module makes a fixture `backend` and imports `EngineContract`.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Protocol

import psutil
import pytest
from sqlalchemy import select

from app.core.database import Database
from app.core.schema import open_database
from app.jobs.tables import AttemptRow, JobEventRow, JobRow, TrialRow
from app.models.tables import ModelRow

TAKEN = 75
Document = dict[str, Any]


class Backend(Protocol):
    """A service whose jobs run on the engine under test."""

    service: Any  # of `tests.app.conftest.Service`, started
    dataset_id: str

    def break_down(self) -> None:
        """End the engine and everything that runs on it at once, and have it come back."""


class Watch:
    """The rows behind a backend, whatever database they are in."""

    def __init__(self, backend: Backend) -> None:
        self._service = backend.service
        self._database: Database = open_database(backend.service.database_url)

    def close(self) -> None:
        self._database.close()

    def attempts(self, job_id: str) -> list[str]:
        query = select(AttemptRow.state).where(AttemptRow.job_id == job_id)
        with self._database.read() as session:
            return list(session.scalars(query.order_by(AttemptRow.number)))

    def crashes(self, job_id: str) -> int:
        with self._database.read() as session:
            return session.scalars(select(JobRow.crashes).where(JobRow.id == job_id)).one()

    def models(self, job_id: str) -> list[int]:
        """The attempts whose models are to be seen."""
        query = select(ModelRow.attempt).where(ModelRow.job_id == job_id)
        with self._database.read() as session:
            return list(session.scalars(query))

    def written(self, job_id: str, attempt: int) -> tuple[list[Any], ...]:
        """All that an attempt wrote, but for the electricity it took."""
        queries = (
            select(JobRow.state, JobRow.attempt, JobRow.message).where(JobRow.id == job_id),
            select(AttemptRow.state, AttemptRow.heartbeat_at, AttemptRow.error).where(
                AttemptRow.job_id == job_id, AttemptRow.number == attempt
            ),
            select(JobEventRow.id).where(JobEventRow.job_id == job_id),
            select(TrialRow.id).where(TrialRow.job_id == job_id),
            select(ModelRow.id).where(ModelRow.job_id == job_id),
        )
        with self._database.read() as session:
            return tuple(list(session.execute(query)) for query in queries)

    def trials_of(self, job_id: str) -> list[tuple[int, str, str]]:
        query = select(TrialRow.attempt, TrialRow.phase, TrialRow.name)
        with self._database.read() as session:
            return [tuple(row) for row in session.execute(query.where(TrialRow.job_id == job_id))]

    def hand_on(self, job_id: str) -> None:
        """What a supervisor does that thinks the attempt lost while it is not."""
        with self._database.write() as session:
            job = session.get_one(JobRow, job_id)
            attempt = session.get_one(AttemptRow, (job_id, job.attempt))
            job.state, attempt.state = "queued", "lost"

    def started(self, job_id: str, attempt: int) -> bool:
        """Whether the attempt's process has reported itself."""
        with self._database.read() as session:
            row = session.get(AttemptRow, (job_id, attempt))
            return row is not None and row.state == "running"

    def worker(self, job_id: str, attempt: int) -> psutil.Process:
        found = self._worker(job_id, attempt)
        assert found, "the worker is not there"
        return found[0]

    def is_working(self, job_id: str, attempt: int) -> bool:
        return bool(self._worker(job_id, attempt))

    def _worker(self, job_id: str, attempt: int) -> Sequence[psutil.Process]:
        end = [job_id, str(attempt)]
        return [found for found in self._service.workers() if found.cmdline()[-2:] == end]


@pytest.fixture
def watch(backend: Backend) -> Any:
    made = Watch(backend)
    yield made
    made.close()


class EngineContract:
    """What a user can count on, whichever engine runs the jobs."""

    def test_a_job_whose_worker_dies_once_succeeds_at_the_second_attempt(
        self, backend: Backend, watch: Watch
    ) -> None:
        job_id = self._begin(backend, watch)
        os.kill(watch.worker(job_id, 1).pid, signal.SIGKILL)
        ended = backend.service.finish(job_id, 280)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
        assert watch.attempts(job_id) == ["lost", "succeeded"]
        assert watch.models(job_id) == [2]

    def test_a_job_whose_workers_always_die_fails_after_exactly_two(
        self, backend: Backend, watch: Watch
    ) -> None:
        job_id = self._begin(backend, watch)
        for attempt in (1, 2):
            self._until(backend, watch, job_id, attempt)
            os.kill(watch.worker(job_id, attempt).pid, signal.SIGKILL)
        ended = backend.service.finish(job_id, 280)
        assert (ended["state"], ended["attempt"]) == ("failed", 2), ended
        assert watch.attempts(job_id) == ["lost", "lost"]
        assert "signal 9" in ended["error"]["detail"]

    def test_a_cancelled_job_gives_its_place_to_the_next(
        self, backend: Backend, watch: Watch
    ) -> None:
        job_id = self._begin(backend, watch)
        answer = backend.service.http.post(f"/v1/jobs/{job_id}/cancel")
        assert answer.json()["state"] in ("cancelling", "cancelled")
        # The worker gets a grace of two seconds; a while later its place must be free.
        assert backend.service.finish(job_id, 10)["state"] == "cancelled"
        assert watch.attempts(job_id) == ["cancelled"]
        backend.service.until(lambda: not watch.is_working(job_id, 1), "the worker's end", 10)
        following = backend.service.submit(backend.dataset_id)["id"]
        assert backend.service.finish(following, 280)["state"] == "succeeded"

    def test_a_worker_that_comes_too_late_writes_nothing(
        self, backend: Backend, watch: Watch
    ) -> None:
        job_id = backend.service.submit(backend.dataset_id)["id"]
        backend.service.finish(job_id, 280)
        before = watch.written(job_id, 1)
        late = subprocess.run(
            [sys.executable, "-m", "app.jobs.run", job_id, "1"],
            env={**os.environ, **backend.service.environment},
            timeout=280,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        assert late.returncode == TAKEN
        assert watch.written(job_id, 1) == before

    def test_a_worker_whose_job_was_handed_on_writes_nothing_more(
        self, backend: Backend, watch: Watch
    ) -> None:
        job_id = self._begin(backend, watch)
        worker = watch.worker(job_id, 1)
        worker.suspend()
        watch.hand_on(job_id)
        before = watch.written(job_id, 1)[1]
        worker.resume()
        ended = backend.service.finish(job_id, 280)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
        assert watch.written(job_id, 1)[1] == before
        assert watch.models(job_id) == [2]
        # Nothing of what it had found by then is told twice.
        assert {attempt for attempt, *_ in watch.trials_of(job_id)} == {2}

    def test_a_supervisor_that_is_killed_and_replaced_costs_no_retry(
        self, backend: Backend, watch: Watch
    ) -> None:
        job_id = self._begin(backend, watch)
        backend.service.kill()
        backend.service.start()
        ended = backend.service.finish(job_id, 280)
        assert ended["state"] == "succeeded", ended
        assert watch.crashes(job_id) == 0
        assert watch.models(job_id) == [ended["attempt"]]

    def test_all_jobs_end_right_over_a_breakdown_of_the_engine(
        self, backend: Backend, watch: Watch
    ) -> None:
        service = backend.service
        running = [self._submit_long(backend) for _ in range(2)]
        for job_id in running:
            self._until(backend, watch, job_id, 1)
        waiting = [service.submit(backend.dataset_id)["id"] for _ in range(20)]
        backend.break_down()
        for job_id in (*running, *waiting):
            ended = service.finish(job_id, 600)
            assert ended["state"] == "succeeded", ended
            assert watch.crashes(job_id) == 0
            assert watch.models(job_id) == [ended["attempt"]]
            told = [trial for trial in watch.trials_of(job_id) if trial[0] == ended["attempt"]]
            assert len(set(told)) == len(told)
        assert [len(watch.attempts(job_id)) for job_id in running] == [2, 2]

    def _begin(self, backend: Backend, watch: Watch) -> str:
        """A job whose first worker is at work."""
        job_id = self._submit_long(backend)
        self._until(backend, watch, job_id, 1)
        return job_id

    @staticmethod
    def _submit_long(backend: Backend) -> str:
        service = backend.service
        return str(service.submit(backend.dataset_id, **service.long_config)["id"])

    @staticmethod
    def _until(backend: Backend, watch: Watch, job_id: str, attempt: int) -> None:
        backend.service.until(
            lambda: watch.started(job_id, attempt) and watch.is_working(job_id, attempt),
            f"attempt {attempt} to be at work",
            280,
        )
