"""What the trials of the runners' contract do."""

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autopq.state import State


@dataclass(frozen=True)
class Parabola:
    """Scores `x` by its distance from the optimum it holds; the state is what it saw."""

    optimum: float

    def __call__(self, request, ears):
        x = request.params["x"]
        for k in range(3):
            ears.report(abs(x - self.optimum) + 3 - k)
        return (x - self.optimum) ** 2, State({"x": np.array([x])}, {"name": request.name})


class Faulty:
    """Raises what the request asks for."""

    def __call__(self, request, ears):
        if "reason" in request.params:
            raise ValueError(request.params["reason"])
        return 1.0, None


@dataclass(frozen=True)
class Deadly:
    """Ends its process until it has done so `times` times, which it counts in a folder."""

    folder: Path
    times: int

    def __call__(self, request, ears):
        if request.params.get("deadly"):
            died = len(list(self.folder.iterdir()))
            if died < self.times:
                (self.folder / f"{died}").touch()
                os._exit(3)
        return float(request.params["x"]), None


@dataclass(frozen=True)
class Endless:
    """Goes on until it is stopped, and leaves its pid."""

    folder: Path

    def __call__(self, request, ears):
        (self.folder / f"{request.name}.{os.getpid()}").touch()
        while not ears.should_stop():
            time.sleep(0.01)
        from autopq.errors import Stopped

        raise Stopped("stopped")


@dataclass(frozen=True)
class Scratch:
    """Writes over what it holds, and gives it back."""

    values: np.ndarray

    def __call__(self, request, ears):
        total = float(self.values.sum())
        self.values[:] = 1.0
        return total, State({"x": self.values}, {})


class Threads:
    """How many threads torch uses here."""

    def __call__(self, request, ears):
        import torch

        return float(torch.get_num_threads()), None


class Busy:
    """Computes for `seconds` of CPU time."""

    def __call__(self, request, ears):
        end = time.process_time() + request.params["seconds"]
        while time.process_time() < end:
            sum(range(1000))
        return 0.0, None


@dataclass(frozen=True)
class Unwelcome:
    """Cannot be taken up by the first `times` processes it is sent to."""

    folder: Path
    times: int

    def __setstate__(self, state):
        self.__dict__.update(state)
        for k in range(self.times):
            with contextlib.suppress(FileExistsError):
                (self.folder / str(k)).touch(exist_ok=False)
                os._exit(4)

    def __call__(self, request, ears):
        return float(request.params["x"]), None


class Unreadable:
    """Its outcome cannot be read where the trial was asked for."""

    def __call__(self, request, ears):
        return 0.0, _Broken()


class _Broken:
    def __reduce__(self):
        return int, ("no number",)


class Signals:
    """How many signals a process that a trial starts would ignore."""

    def __call__(self, request, ears):
        script = (
            "from signal import *; print(sum(getsignal(s) is SIG_IGN for s in (SIGINT, SIGTERM)))"
        )
        return float(subprocess.check_output([sys.executable, "-c", script])), None
