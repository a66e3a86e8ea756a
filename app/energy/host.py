"""`python -m app.energy.host`: the one meter of this machine, kept by the supervisor.

It samples what the machine draws, splits it between the attempts, the prediction worker, the
service and the rest, shows each worker its share on the board, and writes the machine's book.
"""

import os
import signal
import socket
import threading
import time

import psutil
import structlog

from app.core.logs import configure_logs
from app.core.schema import open_database
from app.energy.book import Cause, HostBook
from app.energy.metering import board_path, host_source
from app.engine.heartbeat import PARENT_VARIABLE
from app.engine.lease import noted_prediction_worker
from app.engine.processes import find
from app.jobs import repository as jobs
from app.settings import Settings
from autopq.energy.board import Board, Posted
from autopq.energy.host_meter import HostMeter, Interval, Parts
from autopq.energy.process_tree import ProcessTree

log = structlog.get_logger(__name__)

SERVICE = Cause("service")
FORECASTS = Cause("forecasts")
_FIRST_S = 0.2
_PAGE_S = 15.0  # a page of the book while something runs; lost if this process is killed
_QUIET_PAGE_S = 600.0


class Host:
    """Turns until it is told to stop or its parent is gone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = open_database(settings.resolved_database_url)
        self._parent = int(os.environ.get(PARENT_VARIABLE, "0"))
        self._stop = threading.Event()
        self._source = host_source(settings)
        self._meter: HostMeter[Cause] = HostMeter(self._source)
        self._board = Board(board_path(settings))
        self._trees: dict[Cause, ProcessTree] = {}
        self._drawn: dict[Cause, Parts] = {}
        self._book: HostBook

    def run(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        self._board.remove()
        self._meter.start()
        self._book = HostBook(self._database, socket.gethostname(), self._source.provenance())
        self._add_service()
        wait = _FIRST_S  # rates must be known before a worker can carry anything on
        while not self._stop.wait(wait) and not self._is_orphan():
            self._try_turn()
            wait = self._settings.energy_sample_seconds
        self._try_turn(last=True)
        self._board.remove()
        self._source.stop()
        self._database.close()

    def _is_orphan(self) -> bool:
        return bool(self._parent) and os.getppid() != self._parent

    def _try_turn(self, *, last: bool = False) -> None:
        try:
            self._turn(last=last)
        except Exception:
            # A database that is locked or a counter that cannot be read passes; meanwhile the
            # board grows old and rows say `unavailable`.
            log.exception("the machine could not be metered")

    def _turn(self, *, last: bool) -> None:
        self._look_for_workers()
        ended = [cause for cause, tree in self._trees.items() if not tree.is_alive]
        interval = self._meter.sample()
        self._book.add(interval)
        for cause, parts in interval.shares.items():
            self._drawn[cause] = self._drawn.get(cause, Parts()) + parts
        self._post(interval)
        page = _PAGE_S if set(self._trees) - {SERVICE} else _QUIET_PAGE_S
        if last or ended or self._book.seconds >= page:
            self._book.write(self._trees if last else ended)
        for cause in ended:
            self._meter.remove(cause)
            del self._trees[cause], self._drawn[cause]

    def _add_service(self) -> None:
        """The process that started this one, with this one, without the workers."""
        if self._parent:
            self._trees[SERVICE] = ProcessTree(self._parent, reaped=False)
            self._meter.add(SERVICE, self._trees[SERVICE], around=True)

    def _look_for_workers(self) -> None:
        with self._database.read() as session:
            handles = {
                Cause("attempt", attempt.job_id, attempt.number): attempt.handle
                for attempt in jobs.open_attempts(session)
            }
            handles[FORECASTS] = noted_prediction_worker(session)
        for cause, handle in handles.items():
            process = find(handle) if handle and cause not in self._trees else None
            if process is not None:
                try:
                    tree = ProcessTree(process.pid)
                except psutil.NoSuchProcess:
                    continue
                self._trees[cause] = tree
                self._meter.add(cause, tree)

    def _post(self, interval: Interval[Cause]) -> None:
        shares = {
            tree.pid: Posted(
                self._drawn.get(cause, Parts()),
                self._meter.cpu_seconds(cause),
                self._meter.rates(cause),
                cause in interval.shared_gpu,
            )
            for cause, tree in self._trees.items()
        }
        self._board.post(
            shares,
            sampled_at=self._meter.sampled_at,
            rates=self._meter.rates(SERVICE)._replace(gpu_watts=0.0, ram_watts=0.0),
            provenance=self._source.provenance(),
        )


def main() -> None:
    configure_logs()
    began = time.monotonic()
    host = Host(Settings())
    host.run()
    log.info("the machine's meter ends", seconds=round(time.monotonic() - began))


if __name__ == "__main__":
    main()
