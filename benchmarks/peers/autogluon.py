"""AutoGluon-TimeSeries on the same windows; it runs in an environment of its own.

    python -m benchmarks.peers.autogluon --data DIR --out DIR --seconds N [--sets a,b]

The process is held to one core, so that `--seconds` bounds CPU seconds and not those of a larger
machine. Three runs a series: the preset `best_quality` without models whose weights would have to
be downloaded, and `RecursiveTabular` and `DirectTabular` singly, each with the whole budget. Files
are as those of `benchmarks.peers`.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor

from benchmarks.peers.task import Floats, Task
from benchmarks.series import HORIZON, KNOWN

# As many as LightGBM's peer has: with all 99 the direct models do not end within the budget.
LEVELS: Floats = np.array([0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99])
RUNS: dict[str, dict[str, Any]] = {
    "autogluon": {
        "presets": "best_quality",
        "excluded_model_types": ["Chronos", "Chronos2", "Toto", "Toto2"],
    },
    "autogluon_recursive": {"hyperparameters": {"RecursiveTabular": {}}},
    "autogluon_direct": {"hyperparameters": {"DirectTabular": {}}},
}
ITEM = "series"
HOLIDAY = "public_holiday"
# Rows before an origin that a fitted predictor is shown: twelve weeks, beyond its weekly lags.
_SHOWN = 2016


def frame(task: Task, item: str, rows: slice) -> pd.DataFrame:
    """Rows of the series on an unbroken clock, as one item of a long table."""
    clock = pd.date_range(task.clock[0], periods=len(task.y), freq="h")[rows]
    table = pd.DataFrame({"item_id": item, "timestamp": clock, "target": task.y[rows]})
    for name, values in zip(task.series.covariates, task.covariates.T, strict=True):
        table[name] = values[rows]
    if task.holiday is not None:
        table[HOLIDAY] = task.holiday[rows]
    return table


def forecast(task: Task, settings: dict[str, Any], seconds: int, seed: int) -> Floats:
    """[n, 24, 9] quantiles for every origin, by a predictor fitted on rows before the test."""
    known = [*task.series.covariates, *([HOLIDAY] if task.holiday is not None else [])]
    with tempfile.TemporaryDirectory() as folder:
        predictor = TimeSeriesPredictor(
            target="target",
            prediction_length=HORIZON,
            freq="h",
            known_covariates_names=known or None,
            eval_metric="WQL",
            quantile_levels=LEVELS.tolist(),
            path=folder,
            verbosity=1,
        )
        training = _table(frame(task, ITEM, slice(0, task.i_test)))
        predictor.fit(training, time_limit=seconds, random_seed=seed, **settings)
        predictor.persist()
        # One origin at a time, under the name it was trained by: spreads of items that were not
        # seen in training are ten times too wide.
        found = [_predict(predictor, task, int(origin), known) for origin in task.origins]
    return np.stack(found)


def _predict(predictor: Any, task: Task, origin: int, known: list[str]) -> Floats:
    """[24, 9] quantiles from one origin."""
    past = _table(frame(task, ITEM, slice(max(0, origin - _SHOWN), origin)))
    ahead = frame(task, ITEM, slice(origin, origin + HORIZON)).drop(columns="target")
    found = predictor.predict(past, known_covariates=_table(ahead) if known else None)
    quantiles: Floats = found[[str(level) for level in LEVELS]].to_numpy(float)
    return quantiles


def _table(rows: pd.DataFrame) -> Any:
    return TimeSeriesDataFrame.from_data_frame(
        rows, id_column="item_id", timestamp_column="timestamp"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the forecast files")
    parser.add_argument("--seconds", type=int, required=True, help="budget of one fit")
    parser.add_argument("--sets", help="comma-separated series; all there are by default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = options.sets.split(",") if options.sets else [series.name for series in KNOWN]
    for series in KNOWN:
        if series.name not in wanted or not (options.data / f"{series.name}.csv").exists():
            continue
        task = Task.read(series, options.data)
        for name, settings in RUNS.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            try:
                quantiles = task.clip(forecast(task, settings, options.seconds, options.seed))
            except ValueError as error:  # where no model ended within the budget
                print(series.name, name, "failed:", error, flush=True)
                continue
            meta = {
                "wall_s": round(time.perf_counter() - began, 2),
                "cpu_s": round(time.process_time() - began_cpu, 2),
                "seed": options.seed,
                "machine": f"{platform.machine()}, 1 core",
            }
            np.savez_compressed(
                options.out / f"{series.name}__{name}.npz",
                origins=task.origins.astype(np.int64),
                levels=LEVELS,
                quantiles=quantiles,
                meta=json.dumps(meta),
            )
            print(series.name, name, meta, flush=True)


if __name__ == "__main__":
    main()
