"""`python -m app.jobs.run JOB ATTEMPT`: the worker process of one attempt of one job.

It reads its job from the database, fits, and writes the result in one transaction. Who decides
what an ending means is the supervisor; this process only says what happened:

    0   the job's row has its end: succeeded, or failed for input that will never do
    1   an error; its reason is in the attempt's row
    75  the job was taken from this attempt, which has written nothing more
    76  stopped on request
"""

import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from app.accounts import repository as accounts
from app.backtests import repository as backtests
from app.backtests.keeping import row_of
from app.backtests.tables import BacktestRow
from app.checks.sources import TableSource
from app.core import ids
from app.core.clock import now
from app.core.database import patiently
from app.core.errors import NotFoundError, Problem, from_input_error
from app.core.logs import configure_logs
from app.core.plain import plain
from app.core.schema import open_database
from app.datasets import repository as datasets
from app.datasets.tables import DatasetVersionRow
from app.energy.metering import worker_meter
from app.engine.heartbeat import FENCE_LOST_CODE, Heartbeat, is_orphan
from app.engine.niceness import stand_back
from app.jobs import repository, transitions
from app.jobs.reporter import Reporter
from app.jobs.search import store_of, within_limits
from app.jobs.tables import JobRow, LeaderboardEntryRow
from app.jobs.transitions import FenceLostError, worker_problem
from app.jobs.warm_start import known_settings
from app.models import repository as models
from app.models.tables import ModelRow
from app.settings import Settings
from autopq.energy import EnergyMeter
from autopq.errors import AutoPQError, InputError, Stopped
from autopq.search.rungs import widest_round
from autopq.search.store import WarmStart
from autopq.task import TaskConfig

if TYPE_CHECKING:
    from autopq import FitResult
    from autopq.search.cost import Cost
    from autopq.search.trials.base import TrialRunner
    from training_methods.distributed import RankLauncher

STOPPED_CODE = 76

log = structlog.get_logger(__name__)


class Worker:
    """One attempt, from its row to its result."""

    def __init__(self, settings: Settings, job_id: str, attempt: int) -> None:
        self._settings = settings
        settings.storage.prepare()  # the machine may be another than the service's
        self._database = open_database(settings.resolved_database_url)
        self._database.must_exist()
        self._job_id = job_id
        self._attempt = attempt
        self._reporter = Reporter(self._database, job_id, attempt)
        self._began = time.monotonic()

    def run(self) -> int:
        """The exit code."""
        signal.signal(signal.SIGTERM, lambda *_: self._reporter.request_stop())
        try:
            self._write(transitions.begin, now())
            result = self._metered_fit()
            self._succeed(result)
        except FenceLostError:
            return FENCE_LOST_CODE
        except Stopped:
            return STOPPED_CODE
        except InputError as error:
            return self._reject(from_input_error(error).problem())
        except AutoPQError as error:
            return self._reject(worker_problem(str(error)))
        except Exception as error:
            log.exception("the fit failed")
            return self._confess(worker_problem(f"{type(error).__name__}: {error}"))
        return 0

    def _metered_fit(self) -> "FitResult":
        settings = self._settings
        try:
            with worker_meter(settings, self._reporter.energy) as meter:

                def beat() -> None:
                    meter.flush()
                    self._reporter.flush()

                heart = Heartbeat(beat, settings.heartbeat_seconds, fatal=FenceLostError)
                self._reporter.on_phase = heart.hurry
                with heart:
                    return self._fit(meter)
        except BaseException:
            self._report_the_last_interval()
            raise

    def _report_the_last_interval(self) -> None:
        """What was gathered since the last beat; the reason to end is told by who calls."""
        try:
            with suppress(FenceLostError):
                self._reporter.flush()
        except Exception:
            log.exception("the last interval could not be reported")

    def _fit(self, meter: EnergyMeter) -> "FitResult":
        # Imported under the meter and the heartbeat: it takes seconds and is part of the job.
        from autopq import AutoPQ, FittedModel, update

        task, source, former = self._task()
        table = source.read(self._settings.table_limits)
        if former is not None:
            model = FittedModel.load(former)
            return self._saved(update(model, table, observer=self._reporter, meter=meter))
        config = within_limits(task, self._settings)
        store = store_of(self._settings, self._job_id)
        fit = AutoPQ(
            config,
            observer=self._reporter,
            meter=meter,
            store=store,
            runner=self._trials(task, meter),
            ranks=self._ranks(meter),
            warm_start=patiently(self._known_settings, unless=is_orphan),
            spent=self._spent(meter),
        )
        return self._saved(fit.fit(table))

    def _saved(self, result: "FitResult") -> "FitResult":
        if self._reporter.should_stop():
            raise Stopped("stopped after the fit")
        result.model.save(self._directory)
        patiently(lambda: self._settings.storage.publish(self._directory), unless=is_orphan)
        return result

    def _spent(self, meter: EnergyMeter) -> "Cost":
        """What this attempt has taken so far: its limits are those of the job, not of the fit."""
        from autopq.search.cost import Cost

        meter.flush()
        return Cost(time.monotonic() - self._began, meter.total_mj)

    def _trials(self, task: TaskConfig, meter: EnergyMeter) -> "TrialRunner | None":
        """Who runs the trials of the search, if the engine that started this process has kept
        places for them elsewhere."""
        workers = min(self._settings.ray_trials, widest_round(task))
        if self._settings.engine != "ray" or not workers:
            return None
        from app.engine.ray_trials import RayTrials

        return RayTrials(workers, meter.add, self._reporter.current_phase)

    def _ranks(self, meter: EnergyMeter) -> "RankLauncher | None":
        """Who starts the ranks of a training: the engine that started this process."""
        if self._settings.engine != "ray":
            return None
        from app.engine.ray_ranks import RayRanks

        return RayRanks(meter.add, self._reporter.current_phase)

    def _task(self) -> tuple[TaskConfig, TableSource, Path | None]:
        """The task, its table, and the files of the model that the job updates, if it does."""
        job, table, model = patiently(self._rows, unless=is_orphan)
        storage = self._settings.storage

        def bring(kept: Path) -> Path:
            return patiently(lambda: storage.bring(kept), unless=is_orphan)

        path = bring(storage.dataset(table.dataset_id, table.version))
        former = None
        if model is not None:
            former = bring(storage.attempt_model(model.job_id, model.attempt))
        task = TaskConfig.model_validate(job.config)
        return task, TableSource(path, table.media_type), former

    def _rows(self) -> tuple[JobRow, DatasetVersionRow, ModelRow | None]:
        """Raises AutoPQError where the model to update is gone."""
        with self._database.read() as session:
            job = repository.get(session, self._job_id)
            table = datasets.version(session, job.dataset_id, job.dataset_version)
            if job.update_of is None:
                return job, table, None
            try:
                return job, table, models.get(session, job.update_of)
            except NotFoundError as error:
                raise AutoPQError(f"the model to update, {job.update_of}, was deleted") from error

    def _known_settings(self) -> list[WarmStart]:
        """What to try first; nothing where the job did not ask for it."""
        with self._database.read() as session:
            job = repository.get(session, self._job_id)
            return known_settings(session, job) if job.config.get("warm_start") else []

    @property
    def _directory(self) -> Path:
        return self._settings.storage.attempt_model(self._job_id, self._attempt)

    def _succeed(self, result: "FitResult") -> None:
        """Model, leaderboard, backtest and state appear together or not at all."""
        patiently(self._reporter.flush, unless=is_orphan)
        made, config = result.backtest, result.model.config
        backtest = None if made is None else row_of(self._job_id, config, made)
        rows = [plain(row.as_dict()) for row in result.leaderboard]
        size = sum(file.stat().st_size for file in self._directory.rglob("*") if file.is_file())
        patiently(lambda: self._write_result(result, rows, size, backtest), unless=is_orphan)
        self._settings.storage.discard_search(self._job_id)

    def _write_result(
        self,
        result: "FitResult",
        rows: list[dict[str, Any]],
        size: int,
        backtest: BacktestRow | None,
    ) -> None:
        with self._database.write() as session:
            transitions.succeed(session, self._job_id, self._attempt, now())
            session.add_all(
                LeaderboardEntryRow(job_id=self._job_id, rank=rank, row=row)
                for rank, row in enumerate(rows, start=1)
            )
            if backtest is not None:
                backtests.add(session, backtest)
            job = repository.get(session, self._job_id)
            name = job.model_name or job.dataset_id
            accounts.hold_tenant(session, job.tenant_id)
            model = ModelRow(
                id=ids.new("model"),
                tenant_id=job.tenant_id,
                name=name,
                version=models.next_version(session, job.tenant_id, name),
                job_id=self._job_id,
                attempt=self._attempt,
                created_at=now(),
                config=result.model.config.model_dump(mode="json"),
                summary=next(row for row in rows if row["chosen"]),
                size_bytes=size,
            )
            models.add(session, model)

    def _reject(self, problem: Problem) -> int:
        try:
            patiently(self._reporter.flush, unless=is_orphan)
            self._write(transitions.reject, problem, now())
        except FenceLostError:
            return FENCE_LOST_CODE
        return 0

    def _confess(self, problem: Problem) -> int:
        try:
            self._write(transitions.confess, problem)
        except FenceLostError:
            return FENCE_LOST_CODE
        return 1

    def _write(self, transition: Callable[..., None], *arguments: object) -> None:
        """One transition of this attempt, in a transaction of its own."""

        def write() -> None:
            with self._database.write() as session:
                transition(session, self._job_id, self._attempt, *arguments)

        patiently(write, unless=is_orphan)


def main() -> None:
    job_id, attempt = sys.argv[1:]
    settings = Settings()
    configure_logs(settings.log_level, job_id=job_id, attempt=int(attempt))
    stand_back(settings.worker_niceness)
    worker = Worker(settings, job_id, int(attempt))
    sys.exit(worker.run())


if __name__ == "__main__":
    main()
