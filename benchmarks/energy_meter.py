"""What metering itself takes, and how evenly it splits.

    python -m benchmarks.energy_meter [--seconds 30] [--jobs 2] [--children 2]

Starts jobs (process trees of a busy root and busy children), meters the machine as the service
does (one sample a second, the board written), lets a worker look at the board and close a row
every second, and prints the CPU time of both for each second, and what each job was charged for a
CPU second of its own.
"""

import argparse
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.ending import end_when_told

ROOT = """
import subprocess, sys
child = "while True: sum(range(10000))"
children = [subprocess.Popen([sys.executable, "-c", child]) for _ in range(int(sys.argv[1]))]
while True: sum(range(10000))
"""


def worker(board: Path, seconds: float, pipe: object) -> None:
    """A worker that does nothing but look at its share and close a row every second."""
    from autopq.energy import EnergyMeter
    from autopq.energy.board import BoardShares
    from autopq.energy.share import ShareSource

    with EnergyMeter(ShareSource(BoardShares(board, patience=30.0))) as meter:
        began, used = time.monotonic(), time.process_time()
        while time.monotonic() < began + seconds:
            time.sleep(1.0)
            meter.flush()
        pipe.send((time.process_time() - used) / (time.monotonic() - began))  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--children", type=int, default=2, help="busy children of each job")
    options = parser.parse_args()
    end_when_told()

    from autopq.energy.board import Board, Posted
    from autopq.energy.codecarbon_host import CodeCarbonHost
    from autopq.energy.host_meter import HostMeter, Parts
    from autopq.energy.process_tree import ProcessTree

    command = [sys.executable, "-c", ROOT, str(options.children)]
    roots = [subprocess.Popen(command, start_new_session=True) for _ in range(options.jobs)]
    here, there = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "board.json"
        reader = multiprocessing.get_context("spawn").Process(
            target=worker, args=(path, options.seconds, there)
        )
        try:
            source = CodeCarbonHost("DEU")
            meter: HostMeter[int] = HostMeter(source)
            meter.start()
            trees = {root.pid: ProcessTree(root.pid) for root in roots}
            drawn = dict.fromkeys(trees, Parts())
            for pid, tree in trees.items():
                meter.add(pid, tree)
            before = {pid: meter.cpu_seconds(pid) for pid in trees}
            board = Board(path)
            reader.start()
            host, rest, samples = Parts(), Parts(), 0
            began, used = time.monotonic(), time.process_time()
            while time.monotonic() < began + options.seconds:
                time.sleep(1.0)
                interval = meter.sample()
                host, rest, samples = host + interval.host, rest + interval.rest, samples + 1
                drawn = {pid: drawn[pid] + interval.shares[pid] for pid in drawn}
                board.post(
                    {
                        pid: Posted(drawn[pid], meter.cpu_seconds(pid), meter.rates(pid))
                        for pid in drawn
                    },
                    sampled_at=meter.sampled_at,
                    rates=meter.rates(roots[0].pid),
                    provenance=source.provenance(),
                )
            took, passed = time.process_time() - used, time.monotonic() - began
            of_worker = here.recv()
        finally:
            for root in roots:
                os.killpg(root.pid, 9)
                root.wait()
            if reader.pid is not None:  # it was started
                reader.join()
        source.stop()
    cores = psutil.cpu_count() or 1
    print(f"{platform.machine()}, {cores} cores, {len(psutil.pids())} processes, ", end="")
    print(f"load {os.getloadavg()[0]:.1f}, {options.jobs} jobs of {options.children + 1} processes")
    print(f"machine's meter: {1000 * took / samples:.1f} ms of CPU time a sample, ", end="")
    print(f"{took / passed:.2%} of a core, {took / passed / cores:.2%} of the machine")
    print(f"a worker's meter: {of_worker:.2%} of a core")
    assert Parts.sum([*drawn.values(), rest]) == host
    print(f"shares and rest add up to the machine's {host.total_mj} mJ exactly")
    for number, pid in enumerate(drawn, start=1):
        seconds = meter.cpu_seconds(pid) - before[pid]
        charged = drawn[pid].cpu_mj + drawn[pid].idle_mj
        print(f"job {number}: {charged / 1000:.2f} J for {seconds:.2f} CPU seconds, ", end="")
        print(f"{charged / 1000 / seconds:.3f} J each")


if __name__ == "__main__":
    main()
