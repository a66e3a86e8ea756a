"""`EnergyMeter`: cuts a process's electricity into a ledger of disjoint intervals."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import NamedTuple, Self

from autopq.energy.ledger import MJ_PER_WH, EnergyRow, Provenance
from autopq.energy.process_tree import Look, ProcessTree
from autopq.energy.source import EnergySource
from autopq.energy.split import largest_remainder

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
    idle_mj: int = 0


class RunningTrial:
    """A trial that another process is at; see `EnergyMeter.begin_trial`."""

    def __init__(
        self, label: _Label, tree: ProcessTree, began: float, around: Sequence[Span]
    ) -> None:
        self.label = label
        self.span = Span()
        self.spans = (self.span, *around)
        self._tree = tree
        self._used = tree.cpu_seconds()
        self._began = began

    def cpu_seconds_since(self, look: Look) -> float:
        """CPU time of the process since the last call."""
        before, self._used = self._used, self._tree.cpu_seconds(look)
        return max(self._used - before, 0.0)

    def end(self, at: float) -> Span:
        self.span.seconds = at - self._began
        return self.span


class EnergyMeter:
    """Meters this process between entering and leaving its `with` block.

    At every phase or trial boundary and at `flush()` the elapsed interval becomes an `EnergyRow`,
    labelled with the phase and the innermost trial, and goes to `sink`. Intervals are disjoint
    and without gaps, so sums of rows equal `total_mj` to the last digit.

    Trials that run in child processes at the same time are told by `begin_trial`: each interval is
    then split between them and this process's own label by CPU time, in rows that cover the same
    interval and add up to it exactly. Rows that others metered on other machines are told by `add`.

    Phases and trials are opened from one thread; `flush`, `begin_trial` and `end_trial` may be
    called from any. The sink is
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
        self._spans: list[Span] = []
        self._counters = _Counters()
        self._elsewhere_mj = 0
        self._provenance = _UNKNOWN
        self._source_started = False
        self._running = False
        self._cut_at = 0.0
        self._failing = False
        self._beside: list[RunningTrial] = []
        self._own_cpu_s = 0.0

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

    def begin_trial(
        self,
        name: str,
        *,
        process: int,
        forecaster: str | None = None,
        quantile_model: str | None = None,
        training_method: str | None = None,
    ) -> RunningTrial:
        """A trial of the current phase that the child process `process` (a pid) now begins. What
        its process tree draws until `end_trial` is the trial's; one trial per process at a time.

        Raises psutil.NoSuchProcess when the process is gone.
        """
        tree = ProcessTree(process)
        with self._lock:
            self._require_running()
            self._cut()
            phase = self._labels[-1].phase
            label = _Label(phase, name, forecaster, quantile_model, training_method)
            running = RunningTrial(label, tree, self._cut_at, self._spans)
            if not self._beside:
                self._own_cpu_s = time.process_time()
            self._beside.append(running)
            return running

    def end_trial(self, running: RunningTrial) -> Span:
        """The process is done with it, well or not. What it took is in the span."""
        with self._lock:
            try:
                if self._running:
                    self._cut()
            finally:
                self._beside.remove(running)
            return running.end(self._clock())

    def flush(self) -> None:
        """Hand the running interval to the sink. Harmless once the meter has ended."""
        with self._lock:
            if self._running:
                self._cut()

    def add(self, row: EnergyRow) -> None:
        """A row that a process on another machine metered for the same purpose: the sink is given
        it as it is, and it counts. May be called from any thread."""
        with self._lock:
            self._elsewhere_mj += row.total_mj
            if self._sink is not None:
                self._sink(row)

    @property
    def total_mj(self) -> int:
        """Millijoules of all rows so far."""
        return sum(self._counters) + self._elsewhere_mj

    @contextmanager
    def _labelled(self, label: _Label) -> Iterator[Span]:
        span = Span()
        with self._lock:
            self._require_running()
            self._cut()
            started_at = self._cut_at
            self._labels.append(label)
            self._spans.append(span)
        try:
            yield span
        finally:
            with self._lock:
                try:
                    self._cut()
                finally:
                    self._labels.pop()
                    self._spans.pop()
                    span.seconds = self._clock() - started_at

    def _require_running(self) -> None:
        if not self._running:
            raise RuntimeError("use the meter as a context manager first")

    def _cut(self) -> None:
        now = self._clock()
        counters, provenance = self._read()
        used = _Counters(*(new - old for new, old in zip(counters, self._counters, strict=True)))
        if not any(used) and now - self._cut_at < _JOINED_BELOW_S:
            return  # joined to the next interval
        started_at, ended_at = (self._epoch + timedelta(seconds=at) for at in (self._cut_at, now))
        self._counters, self._cut_at = counters, now
        for label, part in self._by_label(used):
            row = EnergyRow(
                started_at=started_at,
                ended_at=ended_at,
                provenance=provenance,
                **label._asdict(),
                **part._asdict(),
            )
            if self._sink is not None:
                self._sink(row)

    def _by_label(self, used: _Counters) -> list[tuple[_Label, _Counters]]:
        """The interval's energy, split between this process and the trials beside it."""
        own = self._labels[-1]
        if not self._beside:
            self._charge(self._spans, used)
            return [(own, used)]
        before, self._own_cpu_s = self._own_cpu_s, time.process_time()
        look = Look()
        beside = (trial.cpu_seconds_since(look) for trial in self._beside)
        times = [self._own_cpu_s - before, *beside]
        if not any(times):
            times[0] = 1.0
        columns = [largest_remainder(total, times) for total in used]
        parts = [_Counters(*column) for column in zip(*columns, strict=True)]
        self._charge(self._spans, parts[0])
        for trial, part in zip(self._beside, parts[1:], strict=True):
            self._charge(trial.spans, part)
        labels = [own, *(trial.label for trial in self._beside)]
        return [pair for pair in zip(labels, parts, strict=True) if pair[0] == own or any(pair[1])]

    @staticmethod
    def _charge(spans: Sequence[Span], part: _Counters) -> None:
        for span in spans:
            span.energy_mj += sum(part)

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
