"""`lightgbm` and `lightgbm_25h`: LightGBM quantile regression, one set of trees a level, direct
over the horizon. The first looks back four weeks, the second 25 hours."""

from itertools import product

import lightgbm as lgb
import numpy as np

from benchmarks.peers.rows import FIRST_ORIGIN, History, Layout, Offset, Rows, rows
from benchmarks.peers.task import Answer, Floats, Ints, Task
from benchmarks.series import HORIZON

LEVELS = np.array([0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99])
_SEARCHED = (0.1, 0.5, 0.9)
_OFFSETS: tuple[Offset, ...] = ("none", "level", "alike")
_LEAVES = (16, 8, 31)  # the layout is chosen with the first
_EVERY = 8  # hours between origins to learn from; midnight, the origin that is scored, is one
_ROUNDS, _PATIENCE = 800, 30
_REFIT_ROUNDS = 1.15
_PARAMS = {
    "objective": "quantile",
    "learning_rate": 0.06,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


def lightgbm(task: Task, seed: int) -> Answer:
    return _forecast(task, seed, "long")


def lightgbm_25h(task: Task, seed: int) -> Answer:
    return _forecast(task, seed, "day")


def _forecast(task: Task, seed: int, history: History) -> Answer:
    """Layout, leaves and rounds are chosen on validation; the trees that answer are grown on
    training and validation rows."""
    train = _origins(task, FIRST_ORIGIN[history], task.i_val)
    validation = _origins(task, task.i_val, task.i_test)

    def loss(data: tuple[lgb.Dataset, lgb.Dataset], leaves: int) -> float:
        return float(np.mean([_grow(data, level, leaves, seed)[1] for level in _SEARCHED]))

    losses = {}
    for offset, yearly in product(_OFFSETS, (True, False)):
        layout = Layout(history, offset, yearly)
        losses[layout] = loss(_datasets(task, train, validation, layout), _LEAVES[0])
    layout = min(losses, key=losses.__getitem__)
    data = _datasets(task, train, validation, layout)
    sizes = {leaves: loss(data, leaves) for leaves in _LEAVES}
    leaves = min(sizes, key=sizes.__getitem__)
    rounds = [_grow(data, level, leaves, seed)[0].best_iteration for level in LEVELS]
    both = np.concatenate([train, validation])
    whole = _dataset(rows(task, both, layout), task.targets(both))
    asked = rows(task, task.origins, layout)
    quantiles = np.empty((len(task.origins), HORIZON, len(LEVELS)))
    for k, (level, count) in enumerate(zip(LEVELS, rounds, strict=True)):
        trees = lgb.train(_params(level, leaves, seed), whole, max(1, round(count * _REFIT_ROUNDS)))
        found = np.asarray(trees.predict(asked.x, num_threads=1))
        quantiles[..., k] = found.reshape(asked.offset.shape) + asked.offset
    return LEVELS, np.sort(quantiles, axis=-1)


def _origins(task: Task, first: int, end: int) -> Ints:
    """Origins whose windows lie within the rows from `first` to before `end`."""
    at = np.arange(first, end - HORIZON + 1)
    return at[task.clock.hour.to_numpy()[at] % _EVERY == 0]


def _params(level: float, leaves: int, seed: int) -> dict[str, object]:
    return {**_PARAMS, "alpha": float(level), "num_leaves": leaves, "seed": seed}


def _datasets(
    task: Task, train: Ints, validation: Ints, layout: Layout
) -> tuple[lgb.Dataset, lgb.Dataset]:
    fitted = _dataset(rows(task, train, layout), task.targets(train))
    held = rows(task, validation, layout)
    y = (task.targets(validation) - held.offset).ravel()
    return fitted, lgb.Dataset(held.x, y, reference=fitted, params=_BINS)


_BINS = {"max_bin": 63, "feature_pre_filter": False, "verbosity": -1}


def _dataset(made: Rows, targets: Floats) -> lgb.Dataset:
    return lgb.Dataset(made.x, (targets - made.offset).ravel(), params=_BINS)


def _grow(
    data: tuple[lgb.Dataset, lgb.Dataset], level: float, leaves: int, seed: int
) -> tuple[lgb.Booster, float]:
    """Trees stopped early, and their validation loss."""
    trees = lgb.train(
        _params(level, leaves, seed),
        data[0],
        _ROUNDS,
        valid_sets=[data[1]],
        callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)],
    )
    return trees, float(trees.best_score["valid_0"]["quantile"])
