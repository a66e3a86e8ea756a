"""The ledger of the meter: sum rules, labels, threads and failing sources."""

import contextlib
import itertools
import math
import subprocess
import sys
import threading
import time
from collections import defaultdict
from datetime import timedelta

import psutil
import pytest

from autopq.energy import (
    MJ_PER_WH,
    OVERHEAD,
    EnergyMeter,
    EnergyRow,
    Provenance,
    Reading,
    SyntheticSource,
)

DURATION = 0.0137 + 0.71 + 2 * (1 / 3 + 0.0101) + 0.003 + 0.9 + 3 * 0.0317 + 0.2  # of `fit`


def wavy(seconds: float) -> dict[str, float]:
    return {"cpu": 7.3 + 3 * math.sin(seconds), "gpu": 1 / 3, "ram": 10.0}


def fit(meter: EnergyMeter, clock) -> dict[str, int]:
    """A pretended fit with odd durations; what each span reported, in millijoules."""
    spans = {}
    clock.advance(0.0137)
    with meter.phase("select") as phase:
        clock.advance(0.71)
        for name in ("naive", "lightgbm"):
            with meter.trial(name, forecaster=name) as trial:
                clock.advance(1.0 / 3)
                meter.flush()
                clock.advance(0.0101)
            spans[name] = trial.energy_mj
        clock.advance(0.003)
    spans["select"] = phase.energy_mj
    with meter.phase("quantiles") as phase:
        with meter.trial("mlp+cinn", quantile_model="cinn", training_method="backprop") as outer:
            clock.advance(0.9)
            for step in range(3):
                with meter.trial(f"spread {step}") as inner:
                    clock.advance(0.0317)
                spans[f"spread {step}"] = inner.energy_mj
        spans["mlp+cinn"] = outer.energy_mj
    spans["quantiles"] = phase.energy_mj
    clock.advance(0.2)
    return spans


def sums(rows: list[EnergyRow], key) -> dict[object, int]:
    total: dict[object, int] = defaultdict(int)
    for row in rows:
        total[key(row)] += row.total_mj
    return total


def test_trials_and_own_make_phases_and_phases_make_the_total(clock) -> None:
    rows: list[EnergyRow] = []
    with EnergyMeter(SyntheticSource(clock, wavy), rows.append, clock=clock) as meter:
        spans = fit(meter, clock)

    trials = sums(rows, lambda row: row.trial)
    phases = sums(rows, lambda row: row.phase)
    assert spans["naive"] == trials["naive"]
    assert spans["select"] == phases["select"]
    assert spans["select"] > spans["naive"] + spans["lightgbm"]
    # A trial holds its nested trials; its rows hold the rest.
    nested = sum(spans[f"spread {step}"] for step in range(3))
    assert spans["mlp+cinn"] == trials["mlp+cinn"] + nested == spans["quantiles"]
    assert set(phases) == {OVERHEAD, "select", "quantiles"}
    assert sum(phases.values()) == meter.total_mj
    assert meter.total_mj == pytest.approx(1000 * sum(integral(DURATION)), rel=0.01)


def integral(seconds: float) -> tuple[float, float, float]:
    return 7.3 * seconds + 3 * (1 - math.cos(seconds)), seconds / 3, 10.0 * seconds


def test_intervals_are_disjoint_and_without_gaps(clock) -> None:
    rows: list[EnergyRow] = []
    with EnergyMeter(SyntheticSource(clock, wavy), rows.append, clock=clock) as meter:
        fit(meter, clock)
    for before, after in itertools.pairwise(rows):
        assert before.ended_at == after.started_at
    covered = rows[-1].ended_at - rows[0].started_at
    assert covered == pytest.approx(timedelta(seconds=DURATION), abs=timedelta(milliseconds=1))


def test_rows_carry_the_innermost_trial(clock) -> None:
    rows: list[EnergyRow] = []
    with (
        EnergyMeter(SyntheticSource(clock), rows.append, clock=clock) as meter,
        meter.phase("quantiles"),
        meter.trial("outer", forecaster="mlp", training_method="backprop"),
    ):
        clock.advance(1)
        with meter.trial("inner", quantile_model="cinn"):
            clock.advance(2)
        clock.advance(4)
    labels = [
        (row.phase, row.trial, row.forecaster, row.quantile_model, row.training_method, row.cpu_mj)
        for row in rows
    ]
    assert labels == [
        ("quantiles", "outer", "mlp", None, "backprop", 1000),
        ("quantiles", "inner", None, "cinn", None, 2000),
        ("quantiles", "outer", "mlp", None, "backprop", 4000),
    ]


def test_integral_of_a_known_load_is_right_to_one_per_cent(clock) -> None:
    rows: list[EnergyRow] = []
    meter = EnergyMeter(SyntheticSource(clock, wavy), rows.append, clock=clock)
    with meter, meter.phase("select"):
        for _ in range(400):
            clock.advance(0.05)
            meter.flush()
    for measured, true in zip(
        (sum(getattr(row, part) for row in rows) for part in ("cpu_mj", "gpu_mj", "ram_mj")),
        integral(20.0),
        strict=True,
    ):
        assert measured == pytest.approx(1000 * true, rel=0.01)
    assert meter.total_mj / MJ_PER_WH == pytest.approx(sum(integral(20.0)) / 3600, rel=0.01)


def test_what_was_metered_elsewhere_counts_and_changes_no_interval(clock) -> None:
    rows: list[EnergyRow] = []
    others: list[EnergyRow] = []
    with EnergyMeter(SyntheticSource(clock, wavy), others.append, clock=clock):
        clock.advance(1.0)
    with EnergyMeter(SyntheticSource(clock, wavy), rows.append, clock=clock) as meter:
        with meter.phase("select") as phase:
            clock.advance(1.0)
            meter.add(others[0])
        own = [row for row in rows if row is not others[0]]
    assert others[0] in rows
    assert others[0].total_mj > 0
    assert phase.energy_mj == sum(row.total_mj for row in own)
    assert meter.total_mj == sum(row.total_mj for row in rows)


def test_flushing_from_threads_changes_no_sum() -> None:
    rows: list[EnergyRow] = []
    stop = threading.Event()
    ticks = iter(range(10**9))
    source = SyntheticSource(lambda: float(next(ticks)), wavy)  # every look costs a second

    def heartbeat() -> None:
        while not stop.is_set():
            meter.flush()

    threads = [threading.Thread(target=heartbeat) for _ in range(3)]
    with EnergyMeter(source, rows.append) as meter:
        for thread in threads:
            thread.start()
        spans = {}
        for phase in ("select", "search", "quantiles"):
            with meter.phase(phase) as span:
                for trial in range(20):
                    with meter.trial(f"{phase} {trial}") as inner:
                        pass
                    spans[f"{phase} {trial}"] = inner.energy_mj
            spans[phase] = span.energy_mj
        stop.set()
        for thread in threads:
            thread.join()
    by_phase, by_trial = sums(rows, lambda r: r.phase), sums(rows, lambda r: r.trial)
    assert sum(by_phase.values()) == meter.total_mj
    for label, energy in spans.items():
        assert energy == (by_trial if " " in label else by_phase)[label]


def test_a_meter_that_ended_can_still_be_flushed(clock) -> None:
    rows: list[EnergyRow] = []
    with EnergyMeter(SyntheticSource(clock), rows.append, clock=clock) as meter:
        clock.advance(1)
    clock.advance(1)
    meter.flush()
    assert [row.total_mj for row in rows] == [1000]
    with pytest.raises(RuntimeError, match="context manager"), meter.phase("select"):
        pass


def test_a_trial_that_raises_keeps_its_energy(clock) -> None:
    rows: list[EnergyRow] = []
    with EnergyMeter(SyntheticSource(clock), rows.append, clock=clock) as meter:
        with contextlib.suppress(ValueError), meter.trial("mlp"):
            clock.advance(2)
            raise ValueError("diverged")
        clock.advance(1)
    assert [(row.trial, row.total_mj) for row in rows] == [("mlp", 2000), (None, 1000)]


class BrokenSource:
    """A source that fails where told to."""

    def __init__(self, clock, *, start: bool = False, reads: set[int] = frozenset()) -> None:
        self.good = SyntheticSource(clock)
        self.fails_to_start = start
        self.failing_reads = reads
        self.count = 0

    def start(self) -> None:
        if self.fails_to_start:
            raise OSError("no tracker")
        self.good.start()

    def read(self) -> Reading:
        self.count += 1
        if self.count in self.failing_reads:
            raise OSError("counter vanished")
        return self.good.read()

    def provenance(self) -> Provenance:
        return self.good.provenance()

    def stop(self) -> None:
        raise OSError("cannot stop")


def test_a_source_that_does_not_start_is_said_in_every_row(clock) -> None:
    rows: list[EnergyRow] = []
    meter = EnergyMeter(BrokenSource(clock, start=True), rows.append, clock=clock)
    with meter, meter.phase("select") as span:
        clock.advance(2)
    assert span.seconds == 2
    assert [row.total_mj for row in rows] == [0]
    assert {row.provenance.cpu_method for row in rows} == {"unavailable"}
    assert not any(row.provenance.measured for row in rows)


def test_a_reading_that_fails_is_said_and_made_up_for(clock) -> None:
    rows: list[EnergyRow] = []
    source = BrokenSource(clock, reads={2, 3})
    with EnergyMeter(source, rows.append, clock=clock) as meter:
        for _ in range(4):
            clock.advance(1)
            meter.flush()
    methods = [(row.provenance.cpu_method, row.total_mj) for row in rows]
    assert methods == [
        ("synthetic", 1000),
        ("unavailable", 0),
        ("unavailable", 0),
        ("synthetic", 3000),
    ]
    assert all(row.provenance.country == "DEU" for row in rows)


def test_a_counter_that_falls_never_gives_negative_energy(clock) -> None:
    class Wrapping(BrokenSource):
        def read(self) -> Reading:
            self.count += 1
            return Reading([5.0, 3.0, 4.0, 9.0, 9.0][self.count - 1], 0.0, 0.0)

    rows: list[EnergyRow] = []
    with EnergyMeter(Wrapping(clock), rows.append, clock=clock) as meter:
        for _ in range(4):
            clock.advance(1)
            meter.flush()
    assert [row.cpu_mj for row in rows] == [5000, 0, 0, 4000]


def test_an_error_of_the_sink_reaches_the_caller(clock) -> None:
    def refuse(row: EnergyRow) -> None:
        if row.phase == "select":
            raise PermissionError("superseded")

    with EnergyMeter(SyntheticSource(clock), refuse, clock=clock) as meter:
        with pytest.raises(PermissionError), meter.phase("select"):
            clock.advance(1)
        with meter.phase("predict") as span:
            clock.advance(1)
    assert span.energy_mj == 1000


BURN = (
    "import time\n"
    "end = time.process_time() + {}\n"
    "while time.process_time() < end: sum(range(500))\n"
    "time.sleep(60)"
)


@pytest.fixture
def burner():
    """Starts processes that use so many CPU seconds and then wait."""
    started = []

    def start(seconds: float) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", BURN.format(seconds)]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_trials_of_child_processes_share_each_interval_exactly(clock, burner) -> None:
    rows: list[EnergyRow] = []
    children = [burner(0.5), burner(0.25)]
    with EnergyMeter(SyntheticSource(clock, wavy), rows.append, clock=clock) as meter:
        with meter.phase("select") as phase:
            clock.advance(1.0)
            running = [
                meter.begin_trial(f"child {number}", process=child.pid, forecaster="mlp")
                for number, child in enumerate(children)
            ]
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                time.sleep(0.1)
                clock.advance(1 / 3)
                meter.flush()
                if all(
                    sum(psutil.Process(c.pid).cpu_times()[:2]) >= s - 0.02
                    for c, s in zip(children, (0.5, 0.25), strict=True)
                ):
                    break
            clock.advance(1 / 7)
            spans = {trial.label.trial: meter.end_trial(trial) for trial in running}
            clock.advance(0.3)
        with meter.phase("refit") as after:
            clock.advance(0.1)
    trials, phases = sums(rows, lambda row: row.trial), sums(rows, lambda row: row.phase)
    assert sum(row.total_mj for row in rows) == meter.total_mj
    assert phases["select"] == phase.energy_mj
    assert phases["refit"] == after.energy_mj
    for name, span in spans.items():
        assert span.energy_mj == trials[name] > 0
        assert span.seconds > 0
    assert spans["child 0"].energy_mj > spans["child 1"].energy_mj
    own = sum(row.total_mj for row in rows if row.phase == "select" and row.trial is None)
    assert own + trials["child 0"] + trials["child 1"] == phase.energy_mj


def test_a_trial_of_a_child_that_dies_keeps_its_energy(clock, burner) -> None:
    rows: list[EnergyRow] = []
    child = burner(30)
    with EnergyMeter(SyntheticSource(clock), rows.append, clock=clock) as meter:
        running = meter.begin_trial("doomed", process=child.pid)
        time.sleep(0.3)
        clock.advance(5)
        meter.flush()
        child.kill()
        child.wait()
        clock.advance(1)
        span = meter.end_trial(running)
    assert span.energy_mj > 0
    assert sums(rows, lambda row: row.trial)["doomed"] == span.energy_mj
    assert sum(row.total_mj for row in rows) == 6000
