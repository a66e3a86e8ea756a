"""Point forecasts that come as data."""

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.data.example import synthetic_load
from autopq.errors import InputError
from autopq.model import FittedModel


def table_with_forecast(days: int = 40) -> pd.DataFrame:
    table = synthetic_load(np.random.default_rng(0), days=days)
    rng = np.random.default_rng(1)
    # Too high by 3 %, with errors of 2 %: better than anything fitted on forty days.
    table["outside"] = table["load"] * (1.03 + 0.02 * rng.standard_normal(len(table)))
    return table


CONFIG = TaskConfig(
    target="load",
    known_covariates=("outside",),
    given_forecast="outside",
    forecasters=("seasonal_naive",),
    quantile_models=("residual",),
)


def test_forecasts_from_elsewhere_become_distributions(tmp_path):
    table = table_with_forecast()
    result = AutoPQ(CONFIG).fit(table.iloc[:-24])
    best = result.leaderboard[0]
    assert best.forecaster == "given"
    # Residual quantiles take the bias out: the interval holds what it says.
    assert best.test["coverage_90"] == pytest.approx(0.9, abs=0.08)
    assert abs(best.test["bias"]) < 0.01 * table["load"].mean()
    future = table.iloc[-24:].drop(columns=["load"])
    forecast = result.model.predict(future=future)
    middle = forecast.at([0.5])[0, :, 0]
    np.testing.assert_allclose(middle, table["outside"].iloc[-24:] / 1.03, rtol=0.02)
    result.model.save(tmp_path / "model")
    again = FittedModel.load(tmp_path / "model").predict(future=future)
    np.testing.assert_array_equal(again.quantiles, forecast.quantiles)


def test_the_column_must_be_a_known_covariate():
    with pytest.raises(ValueError, match=r"given_forecast.*add it to `known_covariates`"):
        TaskConfig(target="load", given_forecast="outside")


def test_given_without_a_column_is_refused_with_the_setting_to_name():
    with pytest.raises(InputError, match=r"given_forecast.*Name a known covariate"):
        AutoPQ(TaskConfig(target="load", forecasters=("given",)))
