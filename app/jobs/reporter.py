"""The library's observer in a worker: gathers what it is told and writes it in fenced batches."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.clock import now
from app.core.database import Database, WriteSession
from app.core.plain import plain
from app.energy import ledger
from app.jobs import repository, transitions
from app.jobs.tables import TrialRow
from app.jobs.transitions import FenceLostError, News
from autopq.energy import OVERHEAD, EnergyRow
from autopq.observer import Phase, TrialRecord

_WORTH_AN_EVENT = 0.01
_ENOUGH_FOR_AN_ETA = 0.02


@dataclass(frozen=True)
class _Sent:
    """What one flush wrote: values, and how many of each list."""

    values: dict[str, Any]
    news: int
    trials: int
    energy: int


class Reporter:
    """An `autopq.observer.Observer` whose news become rows at the next `flush`."""

    def __init__(self, database: Database, job_id: str, attempt: int) -> None:
        self._database = database
        self._job_id = job_id
        self._attempt = attempt
        self._stop = threading.Event()
        self._began = time.monotonic()
        self.on_phase: Callable[[], None] = lambda: None  # so that no phase is too short to show
        self._lock = threading.Lock()  # guards the eight below
        self._phase: str = OVERHEAD
        self._values: dict[str, Any] = {}
        self._news: list[News] = []
        self._told = -1.0  # the progress that the last event told
        self._finished = 0
        self._best: dict[str, Any] | None = None
        self._trials: list[tuple[datetime, TrialRecord]] = []
        self._energy: list[EnergyRow] = []
        self._flushing = threading.Lock()  # one flush at a time, so that no row is written twice
        # A commit whose answer never came: when it was, and what was in it.
        self._unsure: tuple[datetime, _Sent] | None = None

    def phase(self, phase: Phase) -> None:
        with self._lock:
            self._phase = phase
            self._values["phase"] = phase
            self._news.append((now(), "phase", {"phase": phase}))
        self.on_phase()

    def current_phase(self) -> str:
        with self._lock:
            return self._phase

    def progress(self, fraction: float, message: str) -> None:
        done = min(max(float(fraction), 0.0), 1.0)
        values = {"progress": done, "message": message, "eta_seconds": self._eta(done)}
        with self._lock:
            self._values |= values
            if done >= self._told + _WORTH_AN_EVENT or done == 1.0 != self._told:
                self._told = done
                self._news.append((now(), "progress", values))

    def trial(self, trial: TrialRecord) -> None:
        shown = {
            "phase": trial.phase,
            "name": trial.name,
            "score": plain(trial.score),
        }
        with self._lock:
            self._finished += not trial.earlier
            if self._is_best(shown):
                self._best = shown
            self._values |= {"trials": self._finished, "best": self._best}
            self._trials.append((now(), trial))
            told = {**shown, "seconds": trial.seconds, "error": trial.error, "best": self._best}
            self._news.append((now(), "trial", told))

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
            self._make_sure()
            with self._lock:
                values, news = dict(self._values), list(self._news)
                trials, energy = list(self._trials), list(self._energy)
            at = now()
            self._unsure = at, _Sent(values, len(news), len(trials), len(energy))
            with self._database.write() as session:
                ledger.append(session, energy, job_id=self._job_id, attempt=self._attempt)
                try:
                    transitions.report(session, self._job_id, self._attempt, at, news, **values)
                    session.add_all(self._new_rows(session, trials))
                except FenceLostError as error:
                    lost = error
            self._forget(self._unsure[1])
        if lost is not None:
            raise lost

    def _make_sure(self) -> None:
        """Whether a flush that raised was committed all the same, as when the connection broke
        over the answer. Its heartbeat says so; then its rows must not be written again."""
        if self._unsure is None:
            return
        at, sent = self._unsure
        with self._database.read() as session:
            attempt = repository.attempt(session, self._job_id, self._attempt)
        if attempt is not None and attempt.heartbeat_at == at:
            self._forget(sent)
        self._unsure = None

    def _forget(self, sent: "_Sent") -> None:
        with self._lock:
            del self._trials[: sent.trials]
            del self._energy[: sent.energy]
            del self._news[: sent.news]
            self._values = {k: v for k, v in self._values.items() if sent.values.get(k) != v}
        self._unsure = None

    def _eta(self, done: float) -> float | None:
        """Seconds to the end, if the rest goes as fast as what is done."""
        if done < _ENOUGH_FOR_AN_ETA:
            return None
        return round((time.monotonic() - self._began) * (1 - done) / done, 1)

    def _is_best(self, trial: dict[str, Any]) -> bool:
        """Scores of one phase are of one kind; another phase starts anew."""
        if trial["score"] is None:
            return False
        best = self._best
        return best is None or best["phase"] != trial["phase"] or trial["score"] < best["score"]

    def _new_rows(
        self, session: WriteSession, trials: list[tuple[datetime, TrialRecord]]
    ) -> Iterator[TrialRow]:
        """Of trials that an earlier attempt finished, those that it had no time to write down."""
        told: set[str] = set()
        if any(trial.earlier for _, trial in trials):
            told = repository.trial_names(session, self._job_id)
        return (
            self._trial_row(at, trial)
            for at, trial in trials
            if not (trial.earlier and trial.name in told)
        )

    def _trial_row(self, at: datetime, trial: TrialRecord) -> TrialRow:
        return TrialRow(
            job_id=self._job_id,
            attempt=self._attempt,
            finished_at=at,
            phase=trial.phase,
            name=trial.name,
            params=plain(trial.params) | _origin(trial),
            score=plain(trial.score),
            seconds=trial.seconds,
            energy_wh=trial.energy_wh,
            forecaster=trial.forecaster,
            quantile_model=trial.quantile_model,
            training_method=trial.training_method,
            error=trial.error,
        )


def _origin(trial: TrialRecord) -> dict[str, str]:
    """The job where the setting did well before, among what is known of it."""
    return {} if trial.warm_start is None else {"warm_start": trial.warm_start}
