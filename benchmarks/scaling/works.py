"""What the trials of the scaling benchmark do. Workers import them, so they have a module."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from autopq.search.trials.base import Ears, TrialRequest
from autopq.state import State


class Nap:
    """Sleeps for `seconds`: a trial that computes on a processor of its own, as far as the one
    who hands trials out can tell."""

    def __call__(self, request: TrialRequest, ears: Ears) -> tuple[float, State | None]:
        time.sleep(request.params["seconds"])
        return 0.0, None


@dataclass(frozen=True)
class Fit:
    """Fits trees to the rows it holds, with one thread, and brings back a state of 100 kB."""

    inputs: np.ndarray[Any, Any]
    targets: np.ndarray[Any, Any]

    def __call__(self, request: TrialRequest, ears: Ears) -> tuple[float, State | None]:
        import lightgbm

        half = len(self.targets) // 2
        options = {"objective": "quantile", "num_threads": 1, "verbose": -1, **request.params}
        rows = lightgbm.Dataset(self.inputs[:half], self.targets[:half])
        trees = lightgbm.train(options, rows, num_boost_round=150)
        errors = self.targets[half:] - trees.predict(self.inputs[half:])
        state = State({"errors": errors[:12_500].astype(float)}, {})
        return float(np.abs(errors).mean()), state


def rows(count: int = 20_000, columns: int = 20) -> Fit:
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((count, columns))
    return Fit(inputs, inputs[:, 0] + inputs[:, 1] ** 2 + rng.standard_normal(count))
