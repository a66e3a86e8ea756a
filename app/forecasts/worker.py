"""`python -m app.forecasts.worker`: computes queued forecasts, one after the other.

One process for all, so that recent models stay loaded. Its electricity is metered from the moment
a forecast is claimed to the moment it is written; waiting is charged to nobody.
"""

import signal
import threading
from collections import OrderedDict
from pathlib import Path

import structlog

from app.checks.sources import TableSource
from app.core.clock import now
from app.core.database import patiently
from app.core.errors import Problem, from_input_error
from app.core.logs import configure_logs
from app.core.schema import open_database
from app.energy.metering import worker_meter
from app.engine.heartbeat import Heartbeat, is_orphan
from app.forecasts import repository, service, transitions
from app.forecasts.account import Account
from app.forecasts.tables import ForecastRow
from app.jobs.transitions import FenceLostError, worker_problem
from app.models import repository as models
from app.models.tables import ModelRow
from app.settings import Settings
from autopq import FittedModel, Forecast
from autopq.energy import EnergyMeter
from autopq.errors import AutoPQError, InputError

log = structlog.get_logger(__name__)


class RecentModels:
    """The last few models used, loaded."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._loaded: OrderedDict[Path, FittedModel] = OrderedDict()

    def get(self, directory: Path) -> FittedModel:
        """Raises ArtifactError for a damaged model."""
        from autopq import FittedModel

        if directory not in self._loaded:
            self._loaded[directory] = FittedModel.load(directory)
        self._loaded.move_to_end(directory)
        while len(self._loaded) > self._capacity:
            self._loaded.popitem(last=False)
        return self._loaded[directory]


class PredictionWorker:
    """Claims, computes and writes until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = open_database(settings.resolved_database_url)
        self._database.must_exist()
        self._models = RecentModels(settings.cached_models)
        self._stop = threading.Event()
        self._account = Account(self._database)

    def run(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        settings = self._settings
        with worker_meter(settings, self._account.add) as meter:

            def beat() -> None:
                if self._account.is_open:
                    meter.flush()
                self._account.flush()

            with Heartbeat(beat, settings.heartbeat_seconds, fatal=FenceLostError):
                self._serve_all(meter)

    def _serve_all(self, meter: EnergyMeter) -> None:
        while not self._stop.is_set():
            waiting = patiently(self._any_queued, unless=self._stop.is_set)
            if not (waiting and self._serve(meter)):
                self._stop.wait(self._settings.poll_seconds)

    def _keep(self, forecast: Forecast, forecast_id: str, attempt: int) -> None:
        storage = self._settings.storage
        path = storage.forecast(forecast_id, attempt)
        forecast.save(path)
        patiently(lambda: storage.publish(path), unless=is_orphan)

    def _any_queued(self) -> bool:
        with self._database.read() as session:
            return repository.any_queued(session)

    def _serve(self, meter: EnergyMeter) -> bool:
        """Compute the next forecast; False when there was none after all."""
        meter.flush()  # the waiting before this forecast
        with self._database.write() as session:
            claimed = transitions.claim_next(session, now())
        if claimed is None:
            return False
        forecast_id, attempt = claimed
        self._account.open(forecast_id, attempt)
        try:
            with meter.phase("predict"):
                forecast = self._forecast(forecast_id)
                self._keep(forecast, forecast_id, attempt)
            problem = None
        except InputError as error:
            problem = from_input_error(error).problem()
        except AutoPQError as error:
            problem = worker_problem(str(error))
        except Exception as error:
            log.exception("the forecast failed", forecast_id=forecast_id)
            problem = worker_problem(f"{type(error).__name__}: {error}")
        meter.flush()
        self._account.close()
        patiently(self._account.flush, unless=is_orphan)
        patiently(lambda: self._finish(forecast_id, attempt, problem), unless=is_orphan)
        return True

    def _forecast(self, forecast_id: str) -> Forecast:
        storage, limits = self._settings.storage, self._settings.table_limits
        row, model = patiently(lambda: self._rows(forecast_id), unless=is_orphan)
        made = storage.attempt_model(model.job_id, model.attempt)
        directory = patiently(lambda: storage.bring(made), unless=is_orphan)
        fitted = self._models.get(directory)
        history, future = (
            None if source is None else source.read(limits)
            for source in patiently(lambda: self._sources(row), unless=is_orphan)
        )
        return fitted.predict(history, future, paths=row.paths)

    def _rows(self, forecast_id: str) -> tuple[ForecastRow, ModelRow]:
        with self._database.read() as session:
            row = repository.get(session, forecast_id)
            return row, models.get(session, row.model_id)

    def _finish(self, forecast_id: str, attempt: int, problem: Problem | None) -> None:
        try:
            with self._database.write() as session:
                if problem is None:
                    transitions.succeed(session, forecast_id, attempt, now())
                else:
                    transitions.reject(session, forecast_id, attempt, problem, now())
        except FenceLostError:
            if not self._has_result(forecast_id, attempt):  # from a try whose answer never came
                storage = self._settings.storage
                storage.discard(storage.forecast(forecast_id, attempt))

    def _has_result(self, forecast_id: str, attempt: int) -> bool:
        with self._database.read() as session:
            row = session.get(ForecastRow, forecast_id)
        return row is not None and (row.state, row.attempt) == ("succeeded", attempt)

    def _sources(self, row: ForecastRow) -> list[TableSource | None]:
        kept = {service.HISTORY: row.history, service.FUTURE: row.future_covariates}
        storage = self._settings.storage
        return [service.source_of(storage, row.id, role, what) for role, what in kept.items()]


def main() -> None:
    settings = Settings()
    configure_logs(settings.log_level)
    PredictionWorker(settings).run()


if __name__ == "__main__":
    main()
