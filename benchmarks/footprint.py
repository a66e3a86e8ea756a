"""What memory each service of `deploy/compose.yml` takes.

    python -m benchmarks.footprint

Starts the composition's processes with its own commands and settings on this machine, beside a
private PostgreSQL and a Ray cluster, has them do one small job and one forecast, and prints each
service's proportional set size: memory that several processes share is counted once, in parts.
"""

import os
import platform

import psutil

from benchmarks.ending import end_when_told
from tests.composition import composition
from tests.postgres import running

_PREDICTIONS = "app.forecasts.worker"


def mib(processes: list[psutil.Process]) -> float:
    return sum(process.memory_full_info().pss for process in processes) / 2**20


def main() -> None:
    end_when_told()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| service | processes | MiB |\n| --- | --- | --- |")
    with running() as server, composition(server) as composed:
        composed.start_ray()
        composed.start_service()
        composed.work()
        services = {name: process.pid for name, process in composed.processes.items()}
        for name, pid in {**services, "db": server.pid}.items():
            leader = psutil.Process(pid)
            all_of_it = [leader, *leader.children(recursive=True)]
            print(f"| {name} | {len(all_of_it)} | {mib(all_of_it):.0f} |")
            predicting = [one for one in all_of_it if _PREDICTIONS in one.cmdline()]
            if predicting:
                print(f"| of that, forecasts | {len(predicting)} | {mib(predicting):.0f} |")


if __name__ == "__main__":
    main()
