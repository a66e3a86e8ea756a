"""A task that compares training methods, from the table to the leaderboard and back from disk."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, FitResult, FittedModel, TaskConfig
from autopq.data.example import synthetic_load
from autopq.leaderboard import LeaderboardRow
from autopq.observer import SilentObserver, TrialRecord

pytestmark = pytest.mark.slow

# Small weights are worth factors only at a low bound, groups part early in a short run.
_AB = {"least_break_even": 4, "warmup": 0.1, "period": 40, "full_steps": 5, "rebound_steps": 5}


class Trials(SilentObserver):
    def __init__(self) -> None:
        self.records: list[TrialRecord] = []

    def trial(self, trial: TrialRecord) -> None:
        self.records.append(trial)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    table = synthetic_load(np.random.default_rng(3), days=14)
    return table[["timestamp", "load"]]


@pytest.fixture(scope="module")
def trials() -> Trials:
    return Trials()


@pytest.fixture(scope="module")
def result(table: pd.DataFrame, trials: Trials) -> FitResult:
    config = TaskConfig.model_validate(
        {
            "target": "load",
            "horizon": 6,
            "preset": "fast",
            "forecasters": ["mlp"],
            "quantile_models": ["cinn_additive"],
            "training_methods": {
                "forecaster": [
                    "backprop",
                    "f3",
                    {"name": "oialr", "options": {"delay": 0.2}},
                    {"name": "ab_training", "options": _AB},
                    {"name": "oialr", "options": {"full_rank": ["*"]}},
                ],
                "cinn": ["backprop", "block_local"],
            },
        }
    )
    return AutoPQ(config, observer=trials).fit(table)


@pytest.fixture(scope="module")
def rows(result: FitResult) -> dict[str, LeaderboardRow]:
    return {row.name: row for row in result.leaderboard}


def one(rows: dict[str, LeaderboardRow], start: str, end: str = "+residual") -> LeaderboardRow:
    [found] = [row for name, row in rows.items() if name.startswith(start) and name.endswith(end)]
    return found


METHODS = ("mlp+", "mlp[f3]", "mlp[oialr(delay", "mlp[ab_training")


def test_every_method_has_a_row_with_all_that_is_compared(rows: dict[str, LeaderboardRow]) -> None:
    for start in METHODS:
        row = one(rows, start)
        assert row.error is None, row
        assert row.validation["mean_pinball"] > 0
        assert row.test["mean_pinball"] > 0
        assert row.seconds > 0
        assert row.energy_wh > 0
        assert row.dense_parameters
        assert row.trainable_parameters
    assert rows["mlp[f3]+residual"].training_method == "f3"
    # Two flows on the best of the forecasters.
    flows = [row for row in rows.values() if row.quantile_model == "cinn_additive"]
    assert len(flows) == 2
    assert {name.rpartition("+")[2] for name in rows} >= {
        "cinn_additive",
        "cinn_additive[block_local]",
    }


def test_methods_count_what_they_train_keep_and_send(rows: dict[str, LeaderboardRow]) -> None:
    backprop = rows["mlp+residual"]
    assert backprop.trainable_parameters == backprop.stored_parameters == backprop.dense_parameters
    assert backprop.bytes_sent == 0
    oialr = one(rows, "mlp[oialr(delay")
    assert oialr.trainable_parameters < backprop.trainable_parameters
    assert oialr.dense_parameters == backprop.dense_parameters
    apart = one(rows, "mlp[ab_training")
    assert apart.bytes_sent > 0
    assert apart.details["forecaster"]["training"]["ranks"] == 2


def test_a_method_that_cannot_train_the_network_has_a_row_with_its_reason(
    rows: dict[str, LeaderboardRow], trials: Trials
) -> None:
    refused = one(rows, "mlp[oialr(full_rank")
    assert refused.error.startswith("MethodRefused: training method 'oialr' cannot be used here")
    assert not refused.validation
    [trial] = [trial for trial in trials.records if trial.error]
    assert refused.name == f"{trial.name}+residual"
    assert trial.error == refused.error
    assert trial.training_method == "oialr"
    assert trial.params["training_options"] == {"full_rank": ["*"]}


def test_all_learn(rows: dict[str, LeaderboardRow]) -> None:
    reference = rows["seasonal_naive+residual"].validation["mae"]
    for start in METHODS:
        row = one(rows, start)
        assert row.validation["mae"] < 1.5 * reference, row.name


def test_rows_are_plain_values(result: FitResult) -> None:
    assert json.loads(json.dumps([row.as_dict() for row in result.leaderboard]))


def test_two_members_of_one_name_keep_their_own_networks(
    result: FitResult, table: pd.DataFrame, tmp_path: Path
) -> None:
    """As an ensemble of two training methods has them."""
    other = AutoPQ(
        TaskConfig.model_validate(
            {
                **result.model.config.model_dump(include={"target", "horizon", "preset"}),
                "forecasters": ["mlp"],
                "quantile_models": ["residual"],
                "training_methods": {"forecaster": "last_layer_only"},
                "refit": False,
            }
        )
    ).fit(table)
    members = tuple(replace(fit.model.members[0], weight=0.5) for fit in (result, other))
    assert [member.forecaster.name for member in members if member.forecaster] == ["mlp", "mlp"]
    both = FittedModel(result.model.config, members, result.model.history)
    both.save(tmp_path / "both")
    loaded = FittedModel.load(tmp_path / "both")
    np.testing.assert_array_equal(both.predict().quantiles, loaded.predict().quantiles)
