"""What Prometheus is told: requests of this process, and the state of jobs in the database."""

from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from threading import Lock

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from app.core.clock import now
from app.core.database import Database
from app.core.requests import Served
from app.engine.lease import is_supervised
from app.forecasts.states import FORECAST_STATES
from app.forecasts.tables import ForecastRow
from app.jobs.states import JOB_STATES
from app.jobs.tables import JobRow
from app.metrics import repository
from autopq.energy import MJ_PER_WH

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The registry of one process of the service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._durations = Histogram(
            "autopq_http_request_duration_seconds",
            "Time from a request's first byte to its answer's last.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._checks = Histogram(
            "autopq_table_check_duration_seconds",
            "Time a table was read and checked in a process of its own.",
            ("task",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def watch(self, database: Database) -> None:
        """Let every scrape look into the database."""
        self._registry.register(_DatabaseCollector(database))

    def observe(self, served: Served) -> None:
        # Methods and paths are free text for whoever sends requests; labels must stay few.
        method = served.method if served.method in _METHODS else "other"
        labels = (method, served.route or "none", str(served.status))
        self._durations.labels(*labels).observe(served.seconds)

    def observe_check(self, task: str, seconds: float) -> None:
        self._checks.labels(task).observe(seconds)

    def exposition(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)


class _DatabaseCollector:
    """Looks when scraped, so that every process tells the same and nothing is counted twice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()  # two scrapes at once must not count the same rows twice
        self._last_energy_id = 0
        self._energy_mj: Counter[bool] = Counter()

    def describe(self) -> Iterator[Metric]:
        """Nothing: the database is not asked before it is scraped."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        with self._database.read() as session:
            jobs = repository.jobs_by_state(session)
            forecasts = repository.forecasts_by_state(session)
            waiting = {
                "jobs": repository.oldest_queued(session, JobRow),
                "forecasts": repository.oldest_queued(session, ForecastRow),
            }
            supervised = is_supervised(session)
            with self._lock:
                newest, spent = repository.energy_after(session, self._last_energy_id)
                self._last_energy_id = newest
                self._energy_mj.update(spent)
        yield _gauge("jobs", "Jobs.", "state", {state: jobs.get(state, 0) for state in JOB_STATES})
        yield _gauge(
            "forecasts",
            "Forecasts asked for.",
            "state",
            {state: forecasts.get(state, 0) for state in FORECAST_STATES},
        )
        at = now()
        ages = {
            queue: 0.0 if since is None else max(0.0, (at - since).total_seconds())
            for queue, since in waiting.items()
        }
        yield _gauge("queue_age_seconds", "Age of what waits longest.", "queue", ages)
        yield GaugeMetricFamily(
            "autopq_supervised", "Whether some process starts jobs.", float(supervised)
        )
        energy = CounterMetricFamily(
            "autopq_energy_kwh", "Electricity of all jobs and forecasts.", labels=("method",)
        )
        for measured, method in ((True, "measured"), (False, "estimated")):
            energy.add_metric((method,), self._energy_mj[measured] / MJ_PER_WH / 1000)
        yield energy
        yield _gauge("info", "Version.", "version", {version("autopq-service"): 1})


def _gauge(name: str, text: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"autopq_{name}", text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family
