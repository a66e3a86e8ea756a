"""The supervisor: starts attempts, notices their ends, cancels, and survives restarts.

A thread of the API process, or the whole of a process of its own. What an ending means for a job
is decided in `app.jobs.transitions.end_attempt`, for every engine alike.
"""

import threading
import time

import structlog

from app.core import idempotency
from app.core.clock import now
from app.core.database import Database, passes
from app.engine.base import Engine, EngineUnavailableError, Needs, Room
from app.engine.host_meter import HostMeterKeeper
from app.engine.lease import Lease
from app.engine.predictions import PredictionKeeper
from app.engine.silence import Silence
from app.engine.studies import StudySweeper
from app.engine.sweep import sweep
from app.jobs import repository, transitions
from app.jobs.queue import Limits, needs_of, next_job
from app.jobs.states import TERMINAL
from app.jobs.transitions import Ending
from app.models import repository as models
from app.settings import Settings
from app.webhooks.courier import Courier

log = structlog.get_logger(__name__)

_STOPPED = "the service was stopped"
_RESTARTED = "the service was restarted"
_KILL_WAIT_S = 5.0
_PURGE_EVERY_S = 3600.0

Attempt = tuple[str, int]


class Supervisor:
    """`start()` and `stop()`; between them `running` says whether it still turns."""

    def __init__(self, settings: Settings, database: Database, engine: Engine) -> None:
        self._settings = settings
        self._storage = settings.storage
        self._database = database
        self._engine = engine
        self._lease = Lease(database, settings.lease_seconds)
        self._predictions = PredictionKeeper(settings, database, self._lease)
        self._courier = Courier(settings, database)
        self._limits = Limits(
            settings.max_running_jobs_per_tenant, settings.max_running_jobs_per_key
        )
        self._host_meter = HostMeterKeeper(settings)
        self._studies = StudySweeper(settings, database)
        self._purge_at = time.monotonic()
        self._handles: dict[Attempt, str] = {}
        self._silence = Silence(settings.silence_seconds)
        self._hung: set[Attempt] = set()
        self._overdue: set[Attempt] = set()
        self._unplaceable: set[Needs] = set()  # told once
        self._stopping = threading.Event()
        self._recovered = False
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the workers and hand their jobs back to the queue, unharmed; or leave them to the
        next supervisor, where the engine can."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._settings.poll_seconds):
            try:
                self._turn()
            except Exception as error:
                # A locked or unreachable database passes; giving up would strand every job.
                if passes(error):
                    log.warning("the database cannot be used now", error=str(error))
                else:
                    log.exception("supervisor turn failed")
        self._hand_over(_STOPPED)

    def _turn(self) -> None:
        held = self._lease.held
        if not self._lease.hold():
            if held or self._recovered:
                log.warning("another process took over as supervisor")
                self._hand_over(_STOPPED)
            return
        self._engine.tend()
        if not (held and self._recovered):
            self._recover()
        self._host_meter.tend()
        self._stop_hung()
        self._stop_overdue()
        self._reap()
        if not self._lease.held:
            return  # it was lost on the way, and handed over
        self._cancel()
        if self._host_meter.ready:
            self._start_queued()
        if not self._lease.held:
            return
        self._predictions.tend()
        self._courier.tend()
        self._purge()
        self._studies.tend()

    def _recover(self) -> None:
        """Take up what an earlier supervisor left running, or end it where that cannot be."""
        self._recovered = False  # until all of it is done: else the next turn tries again
        log.info("supervising")
        with self._database.read() as session:
            left = repository.open_attempts(session)
            needs = [needs_of(repository.get(session, found.job_id)) for found in left]
        for found, kept in zip(left, needs, strict=True):
            attempt = (found.job_id, found.number)
            if found.handle is not None:
                if self._engine.adopt(found.handle, kept):
                    self._handles[attempt] = found.handle
                    log.info("attempt taken up", job_id=attempt[0], attempt=attempt[1])
                    continue
                self._engine.discard(found.handle)
            self._settle(attempt, "interrupted", _RESTARTED)
        self._predictions.recover()
        self._purge_at = time.monotonic()
        self._recovered = True

    def _purge(self) -> None:
        """At first and now and then, forget what is past its time, and remove leftovers."""
        if time.monotonic() >= self._purge_at:
            self._purge_at = time.monotonic() + _PURGE_EVERY_S
            with self._database.write() as session:
                idempotency.purge(session, now())
            sweep(self._storage, self._database)
            self._studies.want()

    def _stop_hung(self) -> None:
        """A worker that is there but does not beat would hold its slot for ever."""
        if not self._handles:
            return
        with self._database.read() as session:
            heartbeats = repository.heartbeats(session)
        for attempt, handle in self._handles.items():
            silent = self._silence.is_too_long(attempt, heartbeats.get(attempt))
            if silent or attempt in self._hung:
                self._hung.add(attempt)
                self._engine.stop(handle, self._settings.cancel_grace_seconds)

    def _stop_overdue(self) -> None:
        with self._database.read() as session:
            late = repository.overdue(session, now())
        for job in late:
            attempt = (job.id, job.attempt)
            if attempt in self._handles:
                self._overdue.add(attempt)
                self._engine.stop(self._handles[attempt], self._settings.cancel_grace_seconds)
        if any(job.state == "queued" for job in late):
            with self._database.write() as session:
                transitions.expire_queued(session, now())

    def _reap(self) -> None:
        ends = {
            attempt: ended
            for attempt, handle in self._handles.items()
            if (ended := self._engine.ended(handle)) is not None
        }
        if ends and not self._lease.hold(surely=True):
            # Whoever took over has ended these workers, no fault of theirs; or has taken them up.
            if not self._engine.outlives_supervisor:
                for attempt in ends:
                    self._settle(attempt, "interrupted", _STOPPED)
            self._hand_over(_STOPPED)
            return
        for attempt, ended in ends.items():
            if attempt in self._overdue:
                self._settle(attempt, "overdue", "its deadline passed")
            elif ended.engine_failed is not None:
                self._settle(attempt, "interrupted", ended.engine_failed)
            else:
                hung = attempt in self._hung
                self._settle(attempt, "lost", self._hung_reason if hung else ended.reason)

    @property
    def _hung_reason(self) -> str:
        seconds = self._settings.silence_seconds
        return f"the worker process gave no sign of life for {seconds:g} seconds and was stopped"

    def _cancel(self) -> None:
        with self._database.read() as session:
            cancelling = [
                (job.id, job.attempt) for job in repository.in_state(session, "cancelling")
            ]
        for attempt in cancelling:
            handle = self._handles.get(attempt)
            if handle is None:
                self._settle(attempt, "interrupted", "cancelled")
            else:
                self._engine.stop(handle, self._settings.cancel_grace_seconds)

    def _start_queued(self) -> None:
        # To start a worker may take the engine long, and the role must not be lost over many.
        while self._room(Needs()) == "now":
            if not self._lease.hold():
                log.warning("another process took over as supervisor")
                self._hand_over(_STOPPED)
                return
            claimed = self._claim()
            if claimed is None:
                return
            attempt, needs = claimed
            try:
                handle = self._engine.start(*attempt, needs)
            except EngineUnavailableError as error:
                self._settle(attempt, "interrupted", str(error))
                return
            except OSError as error:
                self._settle(attempt, "lost", f"no worker process could be started: {error}")
                continue
            self._handles[attempt] = handle
            with self._database.write() as session:
                transitions.note_process(session, *attempt, handle)
            log.info("attempt started", job_id=attempt[0], attempt=attempt[1], handle=handle)

    def _claim(self) -> tuple[Attempt, Needs] | None:
        with self._database.read() as session:
            if next_job(session, self._limits, self._room) is None:
                return None  # without having asked for the right to write
        with self._database.write() as session:
            attempt = transitions.claim_next(session, now(), self._limits, self._room)
            if attempt is None:
                return None
            return attempt, needs_of(repository.get(session, attempt[0]))

    def _room(self, needs: Needs) -> Room:
        found = self._engine.room(needs)
        if found == "never" and needs not in self._unplaceable:
            self._unplaceable.add(needs)
            log.warning("jobs wait for what no machine has", ranks=needs.ranks)
        return found

    def _settle(self, attempt: Attempt, ending: Ending, reason: str) -> None:
        with self._database.write() as session:
            state = transitions.end_attempt(session, *attempt, ending, reason, now())
            has_model = models.is_made_by(session, *attempt)
        self._handles.pop(attempt, None)
        self._silence.forget(attempt)
        self._hung.discard(attempt)
        self._overdue.discard(attempt)
        if has_model:
            self._storage.log(f"{attempt[0]}-{attempt[1]}").unlink(missing_ok=True)
        else:
            self._storage.discard_attempt(*attempt)
        if state in TERMINAL:
            self._storage.discard_search(attempt[0])
            self._studies.want()
        why = {} if state == "succeeded" else {"reason": reason}
        log.info("attempt ended", job_id=attempt[0], attempt=attempt[1], job_state=state, **why)

    def _hand_over(self, reason: str) -> None:
        """Stop every worker, unless it can be left to the next supervisor; none of this counts as
        a crash of a job."""
        self._recovered = False
        left = {} if self._engine.outlives_supervisor else self._handles
        for handle in left.values():
            self._engine.stop(handle, self._settings.cancel_grace_seconds)
        deadline = time.monotonic() + self._settings.cancel_grace_seconds + _KILL_WAIT_S

        def settle_left() -> None:
            while left and time.monotonic() < deadline:
                for attempt, handle in list(left.items()):
                    if self._engine.ended(handle) is not None:
                        self._settle(attempt, "interrupted", reason)
                time.sleep(0.02)

        for step in (
            *(self._predictions.stop, self._courier.stop, settle_left),
            *(self._host_meter.stop, self._give_role_back),
        ):
            try:
                step()
            except Exception:
                log.exception("handing over failed; the next supervisor will clear up")
        for attempt in self._handles:
            self._silence.forget(attempt)
        self._handles.clear()
        self._hung.clear()
        self._overdue.clear()

    def _give_role_back(self) -> None:
        if self._lease.held:
            self._lease.release()
