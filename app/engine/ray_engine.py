"""`RayEngine`: attempts as submissions to a Ray cluster, through Ray's Jobs API.

The queue stays in our table: nothing is submitted that finds no place now, for Ray fails what
waits too long. Ray starts the same command as `LocalEngine` does, never starts it again, and
tells how it ended.
"""

import math
import os
import shlex
import time

import structlog

from app.engine.base import Ended, EngineUnavailableError, Needs, Room, worker_command
from app.engine.heartbeat import PARENT_VARIABLE
from app.engine.niceness import patient_threads
from app.engine.places import Bundle, Node, fits, most_beside
from app.engine.ray_api import RayApi, RayJob, RayToken
from app.settings import Settings

log = structlog.get_logger(__name__)

_PREFIX = "ray:"
_LOOK_EVERY_S = 1.0
_AGAIN_S = 3.0  # after a head that did not answer
_APPEAR_S = 30.0  # a submission that the head does not list by then has been lost
_PLACE_S = 300.0  # somebody else's work is where there seemed to be room
_KEEP_S = 60.0  # what has ended stays in Ray's list for so long
_TERMINAL = ("STOPPED", "SUCCEEDED", "FAILED")
_STOPPED_CODE = -15
_LOST = "the Ray cluster no longer knows the worker"
_UNPLACED = "the Ray cluster found no place for the worker"


class _Attempt:
    """What this process knows of one submission."""

    def __init__(self, bundles: tuple[Bundle, ...], began: float) -> None:
        self.bundles = bundles
        self.began = began
        self.seen = False
        self.stopping = False
        self.delete_at: float | None = None


class RayEngine:
    """See `app.engine.base.Engine`."""

    outlives_supervisor = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        token = RayToken(settings.ray_token_file, os.environ.get("RAY_AUTH_TOKEN"))
        self._api = RayApi(settings.ray_address, token)
        self._slots = settings.max_concurrent_jobs
        self._attempts: dict[str, _Attempt] = {}
        self._jobs: dict[str, RayJob] = {}
        self._nodes: list[Node] = []
        self._looked_at: float | None = None  # None while the head does not answer
        self._look_at = time.monotonic()

    def tend(self) -> None:
        at = time.monotonic()
        if at < self._look_at:
            return
        try:
            jobs, nodes = self._api.jobs(), self._api.nodes()
        except EngineUnavailableError as error:
            self._leave_alone(error)
            return
        self._jobs, self._nodes = jobs, nodes
        self._looked_at, self._look_at = at, time.monotonic() + _LOOK_EVERY_S
        self._clear(at)

    def room(self, needs: Needs) -> Room:
        if self._looked_at is None:
            return "later"
        wanted = self._bundles(needs)
        if not fits(self._nodes, (), wanted):
            return "never"
        running = {handle: known for handle, known in self._attempts.items() if not known.delete_at}
        if self._slots is not None and len(running) >= self._slots:
            return "later"
        taken = [b for handle, known in running.items() for b in self._placed(handle, known)]
        return "now" if fits(self._nodes, taken, wanted) else "later"

    def start(self, job_id: str, attempt: int, needs: Needs) -> str:
        handle = f"{_PREFIX}{job_id}-{attempt}"
        bundles = self._bundles(needs)
        own, *beside = bundles
        placed = self._settings.model_copy(
            update={"ray_trials": 0 if needs.ranks > 1 else len(beside)}
        )
        variables = placed.as_environment() | patient_threads()
        # Ray reads this one itself, in the process that starts and stops the worker.
        grace = math.ceil(self._settings.cancel_grace_seconds)
        variables["RAY_JOB_STOP_WAIT_TIME_S"] = str(grace)
        try:
            self._api.submit(
                _submission(handle),
                self._entrypoint(job_id, attempt),
                entrypoint_num_cpus=own.cpus,
                entrypoint_num_gpus=own.gpus,
                runtime_env={"env_vars": variables},
            )
        except EngineUnavailableError as error:
            self._leave_alone(error)
            raise
        self._attempts[handle] = _Attempt(bundles, time.monotonic())
        return handle

    def ended(self, handle: str) -> Ended | None:
        if self._looked_at is None:
            return None
        known = self._attempts.get(handle)
        if known is None:
            return Ended(None, _LOST)  # it was dropped before its end could be written down
        job = self._jobs.get(_submission(handle))
        age = self._looked_at - known.began
        if job is None:
            lost = known.seen or age > _APPEAR_S
            return self._over(known, Ended(None, _LOST)) if lost else None
        known.seen = True
        if job.status in _TERMINAL:
            code = _STOPPED_CODE if job.status == "STOPPED" else job.exit_code
            return self._over(known, Ended(code))
        if job.status == "PENDING" and age > _PLACE_S:
            self.stop(handle, 0)  # should it start yet, its job is no longer its own
            return self._over(known, Ended(None, _UNPLACED))
        return None

    def stop(self, handle: str, grace: float) -> None:
        """Ray gives every worker the grace that `start` told it."""
        known = self._attempts.get(handle)
        if known is None or known.stopping or self._looked_at is None:
            return
        try:
            self._api.stop(_submission(handle))
            known.stopping = True
        except EngineUnavailableError as error:
            self._leave_alone(error)

    def adopt(self, handle: str, needs: Needs) -> bool:
        if not handle.startswith(_PREFIX):
            return False
        if handle not in self._attempts:
            self._attempts[handle] = _Attempt(self._bundles(needs), time.monotonic())
        return True

    def discard(self, handle: str) -> None:
        """Only what another engine started is ever discarded, and that has ended with it."""

    def _leave_alone(self, error: EngineUnavailableError) -> None:
        """Ask nothing more of a head that does not answer, until the next look: the supervisor
        would lose its role over the waiting."""
        if self._looked_at is not None:
            log.warning("the Ray cluster cannot be reached", error=str(error))
        self._looked_at, self._look_at = None, time.monotonic() + _AGAIN_S

    def _entrypoint(self, job_id: str, attempt: int) -> str:
        """A line for the shell; there is nothing in it but what the service itself named. The
        shell's parent, which becomes the worker's, is Ray's watcher of it. The folder may be new
        to the node."""
        log_file = self._settings.storage.log(f"{job_id}-{attempt}")
        command = shlex.join(worker_command(job_id, attempt))
        folder, file = shlex.quote(str(log_file.parent)), shlex.quote(str(log_file))
        return f"mkdir -p {folder} && {PARENT_VARIABLE}=$PPID exec {command} >> {file} 2>&1"

    def _bundles(self, needs: Needs) -> tuple[Bundle, ...]:
        """The worker's, and one beside it for each rank, or for each process that runs trials. Of
        these there are no more than the cluster could hold: a search does with fewer, a gang does
        not."""
        asked = self._settings.gpus_per_job
        gpus = asked if asked is not None else int(any(node.gpus >= 1 for node in self._nodes))
        own, each = Bundle(self._settings.cpus_per_job, gpus), Bundle(1, min(gpus, 1))
        beside = needs.ranks if needs.ranks > 1 else 0
        if not beside and (wanted := min(needs.trials, self._settings.ray_trials)):
            beside = min(wanted, most_beside(self._nodes, own, each))
        return (own, *[each] * beside)

    def _placed(self, handle: str, known: _Attempt) -> tuple[Bundle, ...]:
        job = self._jobs.get(_submission(handle))
        if job is None or job.node is None:
            return known.bundles
        own, *rest = known.bundles
        return (Bundle(own.cpus, own.gpus, job.node), *rest)

    def _over(self, known: _Attempt, ended: Ended) -> Ended:
        """From now on its place counts as free; the answer stays the same for a while."""
        if known.delete_at is None:
            known.delete_at = time.monotonic() + _KEEP_S
        return ended

    def _clear(self, at: float) -> None:
        for handle, known in list(self._attempts.items()):
            self.ended(handle)  # whoever asked for it may have handed it to another supervisor
            if known.delete_at is not None and at >= known.delete_at:
                del self._attempts[handle]
                job = self._jobs.get(_submission(handle))
                if job is not None and job.status in _TERMINAL:
                    try:
                        self._api.delete(_submission(handle))
                    except EngineUnavailableError as error:
                        self._leave_alone(error)
                        return


def _submission(handle: str) -> str:
    return handle.removeprefix(_PREFIX)
