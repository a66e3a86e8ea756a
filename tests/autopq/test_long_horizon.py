"""Seven days of quarter-hours, the longest horizon that is promised: every kind of quantile model
forecasts it, and so does their average."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.presets import EFFORTS

pytestmark = pytest.mark.slow

STEPS_A_DAY, HORIZON = 96, 7 * 96
FLOW = {"blocks": 2, "max_epochs": 3, "paths": 64, "seeds": 1}
NETWORK = {"max_epochs": 4, "max_rows": 40_000, "seeds": 1, "hidden": 32}
QUICK = {
    "cinn_residual": FLOW,
    "lightgbm_quantile": {"max_rounds": 20, "max_rows": 20_000},
    "mlp_quantile": NETWORK,
    "mlp_season_quantile": {**NETWORK, "batch_size": 16},
}


def test_a_week_of_quarter_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    step = np.arange(70 * STEPS_A_DAY)
    weekend = (step // STEPS_A_DAY) % 7 >= 5
    values = 20 + (5 - 3 * weekend) * np.sin(2 * np.pi * step / STEPS_A_DAY)
    table = pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=len(step), freq="15min"),
            "target": values + rng.normal(0, 0.3, len(step)),
        }
    )
    small = {"train_windows": 300, "validation_windows": 20, "test_windows": 20}
    effort = replace(EFFORTS["default"], params=QUICK, spread_trials=4, score_paths=64, **small)
    monkeypatch.setitem(EFFORTS, "default", effort)
    config = TaskConfig(
        horizon=HORIZON,
        lower=0,
        forecasters=("seasonal_naive", "linear"),
        quantile_models=("residual", *QUICK),
        seed=3,
    )
    result = AutoPQ(config).fit(table)
    assert {row.quantile_model for row in result.leaderboard} >= {"residual", *QUICK, "ensemble"}
    for row in result.leaderboard:
        assert row.error is None, (row.name, row.error)
        if row.forecaster != "seasonal_naive":
            assert row.test["mae"] < 0.6, row.name
    forecast = result.model.predict()
    assert forecast.quantiles.shape[1] == HORIZON
    assert np.isfinite(forecast.paths).all()
    days = forecast.at([0.5]).reshape(7, STEPS_A_DAY)
    swing = days.max(axis=1) - days.min(axis=1)
    assert swing[:5].min() > 1.5 * swing[5:].max()  # 70 days end on a Sunday: Monday comes first
