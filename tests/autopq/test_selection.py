"""What a fit may choose by, what it trains for that, and that what it chose is what forecasts."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, FitResult, TaskConfig
from autopq.observer import SilentObserver, TrialRecord
from autopq.presets import EFFORTS
from autopq.quantiles.flow_training import train_flow

pytestmark = pytest.mark.slow

FLOW = {"blocks": 2, "max_epochs": 3, "paths": 64}
FLOWS = ("cinn_published", "cinn_additive", "cinn_residual")
QUICK = {
    **dict.fromkeys(FLOWS, FLOW),
    "cinn_residual": FLOW | {"seeds": 2},
    "lightgbm_quantile": {"max_rounds": 15, "max_rows": 3000},
    "mlp_quantile": {"max_epochs": 2, "max_rows": 3000, "seeds": 1},
}
BUDGET = 150  # training windows
TASK = TaskConfig(
    forecasters=("seasonal_naive", "linear"),
    quantile_models=("residual", *FLOWS, "lightgbm_quantile", "mlp_quantile"),
    refit=False,
    seed=4,
)


class Recorder(SilentObserver):
    def __init__(self) -> None:
        self.trials: list[TrialRecord] = []

    def trial(self, trial: TrialRecord) -> None:
        self.trials.append(trial)


@dataclass(frozen=True)
class Fit:
    result: FitResult
    trials: list[TrialRecord]
    trained: list[str]  # labels of the flows that were


def table(days: int = 60) -> pd.DataFrame:
    """A day's shape with noise that is larger in the afternoon and lasts a few hours."""
    rng = np.random.default_rng(2)
    hour = np.arange(24 * days) % 24
    noise = np.where(hour < 12, 0.3, 1.2) * rng.normal(size=len(hour))
    for i in range(1, len(noise)):
        noise[i] += 0.6 * noise[i - 1]
    stamps = pd.date_range("2024-01-01", periods=len(hour), freq="h")
    shape = 20 + 5 * np.sin(hour * np.pi / 12)
    return pd.DataFrame({"timestamp": stamps, "target": shape + noise})


def fit(frame: pd.DataFrame) -> Fit:
    """With every kind of quantile model, all of them small."""
    trained: list[str] = []

    def counted(*arguments: Any) -> Any:
        trained.append(arguments[-1])
        return train_flow(*arguments)

    small = {"train_windows": BUDGET, "validation_windows": 50, "test_windows": 50}
    effort = replace(EFFORTS["default"], params=QUICK, spread_trials=6, score_paths=64, **small)
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EFFORTS, "default", effort)
        for module in ("cinn", "residual_cinn"):
            patch.setattr(f"autopq.quantiles.{module}.train_flow", counted)
        result = AutoPQ(TASK, observer=recorder).fit(frame)
    assert all(row.error is None for row in result.leaderboard)
    return Fit(result, recorder.trials, trained)


@pytest.fixture(scope="module")
def whole() -> Fit:
    return fit(table())


def test_rows_held_out_change_no_choice(whole: Fit) -> None:
    """Neither scales nor features, spreads, weights nor the correction know of them."""
    other = table()
    held_out = other.index[int(len(other) * 0.8) :]
    other.loc[held_out, "target"] = 500 - 7 * other.loc[held_out, "target"]
    again = fit(other)
    before, after = (
        {row.name: (dict(row.validation), row.spread, row.chosen) for row in f.result.leaderboard}
        for f in (whole, again)
    )
    assert before == after
    tests = [[dict(row.test) for row in f.result.leaderboard] for f in (whole, again)]
    assert tests[0] != tests[1]
    models = [f.result.model for f in (whole, again)]
    for one, two in zip(*(model.members for model in models), strict=True):
        assert one.weight == two.weight
        first, second = one.quantile_model.state(), two.quantile_model.state()
        assert first.arrays.keys() == second.arrays.keys()
        for name, values in first.arrays.items():
            np.testing.assert_array_equal(values, second.arrays[name], err_msg=name)


def test_every_part_is_trained_once(whole: Fit) -> None:
    """One target flow for both kinds of noise; a residual flow a seed; a forecaster once on all
    training windows and once without each block of them."""
    assert sorted(whole.trained) == [
        "quantiles/residual_flow/0",
        "quantiles/residual_flow/1",
        "quantiles/target_flow",
    ]
    linear = [t.name for t in whole.trials if t.forecaster == "linear" and "+" not in t.name]
    assert sorted(linear) == ["linear", "linear/fold1", "linear/fold2"]
    fitted = [t.name for t in whole.trials if t.name.count("+") == 1 and "/" not in t.name]
    assert len(fitted) == len(set(fitted))


def test_the_spread_that_scored_best_is_the_one_in_use(whole: Fit) -> None:
    rows = {row.quantile_model: row for row in whole.result.leaderboard if row.spread is not None}
    assert rows.keys() == set(FLOWS)
    for row in rows.values():
        tried = [t for t in whole.trials if t.name.startswith(f"{row.name}/spread/")]
        assert len(tried) > 4
        best = min(tried, key=lambda trial: trial.score)
        assert row.spread == best.params["spread"]
    for member in whole.result.model.members:
        if member.quantile_model.has_spread:
            assert member.quantile_model.spread == rows[member.quantile_model.name].spread


def test_rows_say_how_much_they_were_trained_on(whole: Fit) -> None:
    for row in whole.result.leaderboard:
        model = row.details.get("quantile_model", {})
        if row.forecaster == "linear":
            assert 24 * 100 < row.details["forecaster"]["rows"] <= 24 * BUDGET
        if row.quantile_model in FLOWS:
            assert all(100 < flow["windows"] <= BUDGET for flow in model.get("flows", [model]))
        if row.forecaster is None and row.name != "ensemble":
            assert 1000 < model["rows"] <= 3000


@pytest.mark.slow
def test_intervals_hold_what_they_say_where_noise_comes_and_goes() -> None:
    config = TASK.model_copy(
        update={"preset": "fast", "quantile_models": ("residual", "cinn_additive")}
    )
    result = AutoPQ(config).fit(table(days=150))
    chosen = next(row for row in result.leaderboard if row.chosen)
    assert 0.85 < chosen.test["coverage_90"] < 0.95
    forecast = result.model.predict()
    low, high = forecast.at([0.05, 0.95])[0].T
    afternoon = pd.DatetimeIndex(forecast.timestamps[0]).hour >= 13
    assert (high - low)[afternoon].mean() > 1.5 * (high - low)[~afternoon].mean()
