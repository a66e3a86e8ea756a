"""The library's observer in a worker: gathers what it is told and writes it in fenced batches."""

import threading
from datetime import datetime
from typing import Any

from app.core.clock import now
from app.core.database import Database
from app.core.plain import plain
from app.energy import ledger
from app.jobs import transitions
from app.jobs.tables import TrialRow
from app.jobs.transitions import FenceLostError
from autopq.energy import EnergyRow
from autopq.observer import Phase, TrialRecord


class Reporter:
    """An `autopq.observer.Observer` whose news become rows at the next `flush`."""

    def __init__(self, database: Database, job_id: str, attempt: int) -> None:
        self._database = database
        self._job_id = job_id
        self._attempt = attempt
        self._stop = threading.Event()
        self._lock = threading.Lock()  # guards the three below
        self._news: dict[str, Any] = {}
        self._trials: list[tuple[datetime, TrialRecord]] = []
        self._energy: list[EnergyRow] = []
        self._flushing = threading.Lock()  # one flush at a time, so that no row is written twice

    def phase(self, phase: Phase) -> None:
        with self._lock:
            self._news["phase"] = phase

    def progress(self, fraction: float, message: str) -> None:
        with self._lock:
            self._news |= {"progress": min(max(float(fraction), 0.0), 1.0), "message": message}

    def trial(self, trial: TrialRecord) -> None:
        with self._lock:
            self._trials.append((now(), trial))

    def energy(self, row: EnergyRow) -> None:
        with self._lock:
            self._energy.append(row)

    def should_stop(self) -> bool:
        return self._stop.is_set()

    def request_stop(self) -> None:
        self._stop.set()

    def flush(self) -> None:
        """Write everything gathered, and the heartbeat. Raises FenceLostError once the job is no
        longer this attempt's; the electricity it took is kept even then."""
        lost: FenceLostError | None = None
        with self._flushing:
            with self._lock:
                news, trials, energy = dict(self._news), list(self._trials), list(self._energy)
            with self._database.write() as session:
                ledger.append(session, energy, job_id=self._job_id, attempt=self._attempt)
                session.add_all(self._trial_row(at, trial) for at, trial in trials)
                try:
                    transitions.report(session, self._job_id, self._attempt, now(), **news)
                except FenceLostError as error:
                    lost = error
            with self._lock:
                del self._trials[: len(trials)]
                del self._energy[: len(energy)]
                self._news = {k: v for k, v in self._news.items() if news.get(k) != v}
        if lost is not None:
            raise lost

    def _trial_row(self, at: datetime, trial: TrialRecord) -> TrialRow:
        return TrialRow(
            job_id=self._job_id,
            attempt=self._attempt,
            finished_at=at,
            phase=trial.phase,
            name=trial.name,
            params=plain(trial.params),
            score=plain(trial.score),
            seconds=trial.seconds,
            energy_wh=trial.energy_wh,
            forecaster=trial.forecaster,
            quantile_model=trial.quantile_model,
            training_method=trial.training_method,
            error=trial.error,
        )
