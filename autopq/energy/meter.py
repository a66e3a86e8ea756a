"""`EnergyMeter`: cuts a process's electricity into a ledger of disjoint intervals."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import NamedTuple, Self

from autopq.energy.ledger import MJ_PER_WH, EnergyRow, Provenance
from autopq.energy.source import EnergySource

logger = logging.getLogger(__name__)

OVERHEAD = "overhead"  # phase of everything outside `phase()`
_JOINED_BELOW_S = 1e-3

_UNKNOWN = Provenance(
    cpu_method="unavailable",
    gpu_method="unavailable",
    ram_method="unavailable",
    measured=False,
    country="",
    carbon_g_per_kwh=0.0,
    pue=1.0,
    tool="none",
)


@dataclass(slots=True)
class Span:
    """What a phase or trial took, its nested trials included. Filled in when it ends."""

    seconds: float = 0.0
    energy_mj: int = 0

    @property
    def energy_wh(self) -> float:
        return self.energy_mj / MJ_PER_WH


class _Label(NamedTuple):
    phase: str = OVERHEAD
    trial: str | None = None
    forecaster: str | None = None
    quantile_model: str | None = None
    training_method: str | None = None


class _Counters(NamedTuple):
    """Cumulative whole millijoules: differences of these add up exactly."""

    cpu_mj: int = 0
    gpu_mj: int = 0
    ram_mj: int = 0


class EnergyMeter:
    """Meters this process between entering and leaving its `with` block.

    At every phase or trial boundary and at `flush()` the elapsed interval becomes an `EnergyRow`,
    labelled with the phase and the innermost trial, and goes to `sink`. Intervals are disjoint
    and without gaps, so sums of rows equal `total_mj` to the last digit.

    Phases and trials are opened from one thread; `flush` may be called from any. The sink is
    called in order, one row at a time; what it raises is passed on. What the source raises is
    not: rows then carry the method `unavailable`, because metering must never end a fit.
    """

    def __init__(
        self,
        source: EnergySource,
        sink: Callable[[EnergyRow], None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._sink = sink
        self._clock = clock
        self._lock = threading.RLock()
        self._labels = [_Label()]
        self._counters = _Counters()
        self._provenance = _UNKNOWN
        self._source_started = False
        self._running = False
        self._cut_at = 0.0
        self._failing = False

    def __enter__(self) -> Self:
        with self._lock:
            if self._running:
                raise RuntimeError("the meter is already running")
            try:
                self._source.start()
                self._source_started = True
            except Exception:
                self._report_failure()
            self._cut_at = self._clock()
            self._epoch = datetime.now(UTC) - timedelta(seconds=self._cut_at)
            self._running = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            try:
                self._cut()
            finally:
                self._running = False
                try:
                    self._source.stop()
                except Exception:
                    self._report_failure()

    @contextmanager
    def phase(self, name: str) -> Iterator[Span]:
        """Label what runs inside with a phase of the fit (see `observer.PHASES`)."""
        with self._labelled(_Label(phase=name)) as span:
            yield span

    @contextmanager
    def trial(
        self,
        name: str,
        *,
        forecaster: str | None = None,
        quantile_model: str | None = None,
        training_method: str | None = None,
    ) -> Iterator[Span]:
        """Label what runs inside with a trial of the current phase. Trials may be nested; the
        rows carry the innermost one."""
        phase = self._labels[-1].phase
        label = _Label(phase, name, forecaster, quantile_model, training_method)
        with self._labelled(label) as span:
            yield span

    def flush(self) -> None:
        """Hand the running interval to the sink. Harmless once the meter has ended."""
        with self._lock:
            if self._running:
                self._cut()

    @property
    def total_mj(self) -> int:
        """Millijoules of all rows so far."""
        return sum(self._counters)

    @contextmanager
    def _labelled(self, label: _Label) -> Iterator[Span]:
        span = Span()
        with self._lock:
            if not self._running:
                raise RuntimeError("use the meter as a context manager first")
            self._cut()
            started_at, started_mj = self._cut_at, self.total_mj
            self._labels.append(label)
        try:
            yield span
        finally:
            with self._lock:
                try:
                    self._cut()
                finally:
                    self._labels.pop()
                    span.seconds = self._clock() - started_at
                    span.energy_mj = self.total_mj - started_mj

    def _cut(self) -> None:
        now = self._clock()
        counters, provenance = self._read()
        used = _Counters(*(new - old for new, old in zip(counters, self._counters, strict=True)))
        if not any(used) and now - self._cut_at < _JOINED_BELOW_S:
            return  # joined to the next interval
        row = EnergyRow(
            started_at=self._epoch + timedelta(seconds=self._cut_at),
            ended_at=self._epoch + timedelta(seconds=now),
            **self._labels[-1]._asdict(),
            **used._asdict(),
            provenance=provenance,
        )
        self._counters, self._cut_at = counters, now
        if self._sink is not None:
            self._sink(row)

    def _read(self) -> tuple[_Counters, Provenance]:
        if not self._source_started:
            return self._counters, self._provenance
        try:
            reading = self._source.read()
            self._provenance = self._source.provenance()
        except Exception:
            self._report_failure()
            return self._counters, replace(
                self._provenance,
                cpu_method="unavailable",
                gpu_method="unavailable",
                ram_method="unavailable",
                measured=False,
            )
        self._failing = False
        millijoules = (round(joules * 1000) for joules in reading)
        return _Counters(*map(max, millijoules, self._counters)), self._provenance

    def _report_failure(self) -> None:
        if not self._failing:
            self._failing = True
            logger.warning("energy cannot be read; rows say `unavailable`", exc_info=True)
