"""One peer on one series, measured."""

import json
import multiprocessing
import platform
import resource
import time
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.peers.task import Peer, Task
from benchmarks.series import Series

PEERS = {
    "seasonal_naive": "naive:seasonal_naive",
    "lightgbm": "lightgbm_quantile:lightgbm",
    "lightgbm_25h": "lightgbm_quantile:lightgbm_25h",
    "qrnn": "qrnn:qrnn",
    "nnqf": "nnqf:nnqf",
    "deepar": "deepar:deepar",
}


def run(peer: str, series: Series, data: Path, out: Path, seed: int) -> dict[str, object]:
    """Fit, forecast, write the file and return the row of the table."""
    import torch

    from autopq.energy import create_meter
    from autopq.evaluation.scores import evaluate

    torch.set_num_threads(1)
    module, _, name = PEERS[peer].partition(":")
    forecast: Peer = getattr(import_module(f"benchmarks.peers.{module}"), name)
    task = Task.read(series, data)
    began, began_cpu = time.perf_counter(), time.process_time()
    with create_meter() as meter, meter.phase("predict"):
        levels, quantiles = forecast(task, seed)
    quantiles = task.clip(quantiles)
    meta = {
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s": round(time.process_time() - began_cpu, 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "energy_wh": meter.total_mj / 3.6e6,
        "seed": seed,
        "machine": f"{platform.machine()}, {multiprocessing.cpu_count()} cores",
    }
    np.savez_compressed(
        out / f"{series.name}__{peer}.npz",
        origins=task.origins.astype(np.int64),
        levels=levels,
        quantiles=quantiles,
        meta=json.dumps(meta),
    )
    scores = evaluate(task.targets(task.origins), quantiles, levels)
    return {
        "set": series.name,
        "peer": peer,
        "mpl": scores["mean_pinball"],
        "cov50": scores["coverage_50"],
        "cov90": scores["coverage_90"],
        "mae": scores["mae"],
        **{key: meta[key] for key in ("wall_s", "cpu_s", "peak_rss_mb", "energy_wh")},
    }
