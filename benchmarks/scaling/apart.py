"""What the machine itself gives to processes that know nothing of each other."""

import multiprocessing
import time
from multiprocessing.synchronize import Barrier

from autopq.search.trials.base import Ears, TrialRequest, Work


def _loop(work: Work, request: TrialRequest, times: int, gate: Barrier) -> None:
    ears = Ears(lambda _: None, lambda: False)
    work(request, ears)
    gate.wait()
    for _ in range(times):
        work(request, ears)
    gate.wait()


def rate_apart(work: Work, request: TrialRequest, processes: int, times: int) -> float:
    """Trials a second of so many processes, each of which does its own one after the other."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(processes + 1)
    loops = [
        context.Process(target=_loop, args=(work, request, times, gate)) for _ in range(processes)
    ]
    for loop in loops:
        loop.start()
    gate.wait()
    began = time.monotonic()
    gate.wait()
    seconds = time.monotonic() - began
    for loop in loops:
        loop.join()
    return processes * times / seconds
