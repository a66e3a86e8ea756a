"""Chronos models: refused where package or weights are missing, and honest where they are not.

The model here is tiny and has random weights: what it forecasts is of no use, how it is asked is.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autopq import AutoPQ, TaskConfig
from autopq.context import FitContext
from autopq.errors import ArtifactError, InputError
from autopq.forecasters import registry
from autopq.forecasters.base import PointForecaster, State

needs_package = pytest.mark.skipif(
    registry.unavailable("chronos") is not None, reason="the extra 'foundation' is not installed"
)


def save_tiny_model(folder: Path, seed: int) -> Path:
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    torch.manual_seed(seed)
    config = T5Config(
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_decoder_layers=1,
        num_heads=2,
        feed_forward_proj="relu",
        is_gated_act=False,
        pad_token_id=0,
        decoder_start_token_id=0,
    )
    config.chronos_config = {
        "context_length": 64,
        "prediction_length": 32,
        "input_patch_size": 8,
        "input_patch_stride": 8,
        "quantiles": [0.1, 0.5, 0.9],
        "use_reg_token": True,
    }
    config.chronos_pipeline_class = "ChronosBoltPipeline"
    config.architectures = ["ChronosBoltModelForForecasting"]
    ChronosBoltModelForForecasting(config).save_pretrained(folder)
    return folder


@pytest.fixture
def fitted(tmp_path: Path, hourly: Any, context: FitContext) -> PointForecaster:
    forecaster = registry.create("chronos", model=str(save_tiny_model(tmp_path, 0)), context=48)
    forecaster.fit(hourly.train, hourly.validation, context)
    return forecaster


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chronos", None)
    with pytest.raises(InputError, match=r"'chronos' needs .*autopq-service\[foundation\]"):
        AutoPQ(TaskConfig(forecasters=("chronos",)))


@needs_package
def test_missing_weights_are_named_and_nothing_is_fetched(
    hourly: Any, context: FitContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    forecaster = registry.create("chronos", model="nobody/has-these-weights")
    with pytest.raises(InputError, match="weights of 'nobody/has-these-weights' are not on this"):
        forecaster.fit(hourly.train, None, context)


@needs_package
def test_forecasts_see_nothing_from_the_origin_on(fitted: PointForecaster, hourly: Any) -> None:
    forecast = fitted.predict(hourly.test)
    assert forecast.shape == (len(hourly.test), 24)
    assert np.isfinite(forecast).all()
    one = hourly.test.take(slice(4, 5))
    target = one.panel.target.copy()
    target[int(one.start[0]) :] = 1e6
    other = replace(one, panel=replace(one.panel, target=target))
    np.testing.assert_array_equal(fitted.predict(other), fitted.predict(one))


@needs_package
def test_a_saved_forecaster_forecasts_with_its_own_weights_alone(
    fitted: PointForecaster, hourly: Any, tmp_path: Path
) -> None:
    state = fitted.state()
    loaded = type(fitted).from_state(state)
    np.testing.assert_array_equal(loaded.predict(hourly.test), fitted.predict(hourly.test))
    other = save_tiny_model(tmp_path / "other", 1)
    params = {**state.meta["params"], "model": str(other)}
    mixed = type(fitted).from_state(State(state.arrays, {**state.meta, "params": params}))
    with pytest.raises(ArtifactError, match="not those the model was made with"):
        mixed.predict(hourly.test)


@needs_package
def test_a_job_records_why_it_was_skipped(
    make_case: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from autopq.data.example import synthetic_load

    monkeypatch.setenv("HF_HOME", str(tmp_path))
    table = synthetic_load(np.random.default_rng(0), days=20)
    config = TaskConfig(
        target="load", forecasters=("seasonal_naive", "chronos"), quantile_models=("residual",)
    )
    rows = AutoPQ(config).fit(table).leaderboard
    (skipped,) = [row for row in rows if row.error]
    assert skipped.forecaster == "chronos"
    assert "are not on this machine" in str(skipped.error)
