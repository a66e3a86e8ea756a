"""How long flows take to draw sample paths.

    python -m benchmarks.sampling [--paths 1000] [--origins 200]

Each flow model is fitted for one epoch on synthetic hourly load (how well it is trained does not
change what sampling takes), with the network it has by default, and draws paths of 24 hours from
every origin. Prints the fastest of three draws.
"""

import argparse
import multiprocessing
import platform
import time

import numpy as np
import torch

from autopq import TaskConfig
from autopq.context import FitContext
from autopq.data.audit import audit
from autopq.data.example import synthetic_load
from autopq.data.splits import split
from autopq.forecasters import registry as forecasters
from autopq.observer import SilentObserver
from autopq.quantiles import registry

MODELS = ("cinn_published", "cinn_additive", "cinn_residual")
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--paths", type=int, default=1000, help="an origin")
    parser.add_argument("--origins", type=int, default=200)
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {multiprocessing.cpu_count()} cores, {torch.get_num_threads()} "
        f"threads: {options.paths} paths of 24 h from {options.origins} origins"
    )
    config = TaskConfig(target="load", horizon=24)
    panel, _ = audit(synthetic_load(np.random.default_rng(0), days=200), config)
    parts = split(panel, config, train_windows=500, validation_windows=50)
    windows = parts.test.take(slice(0, options.origins))
    assert len(windows) == options.origins, "fewer origins are held out"
    context = FitContext(0, SilentObserver(), torch.device("cpu"))
    naive = forecasters.create("seasonal_naive")
    naive.fit(parts.train, parts.validation, context)
    train, validation, points = (
        naive.predict(part) for part in (parts.train, parts.validation, windows)
    )
    for name in MODELS:
        model = registry.create(name, max_epochs=1)
        model.fit(parts.train, train, parts.validation, validation, context)
        seconds = []
        for repeat in range(REPEATS):
            rng = np.random.default_rng(repeat)
            began = time.perf_counter()
            model.sample(windows, points, options.paths, rng)
            seconds.append(time.perf_counter() - began)
        print(f"{name}: {min(seconds):.2f} s", flush=True)


if __name__ == "__main__":
    main()
