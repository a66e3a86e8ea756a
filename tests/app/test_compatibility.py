"""KServe's schema of time-series forecasts, over a fitted model and over the fast preset."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

Document = dict[str, Any]

URL = "/v1/timeseries/forecast"


def request(model: str, *series: Document, horizon: int = 6, **options: object) -> Document:
    inputs = [{"type": "univariate_time_series", "frequency": "H", **one} for one in series]
    return {"model": model, "inputs": inputs, "options": {"horizon": horizon, **options}}


@pytest.fixture(scope="module")
def model_id(service: Any) -> str:
    """Of one series without a name, and without covariates."""
    stamps = pd.date_range("2026-01-01", periods=600, freq="h").strftime("%Y-%m-%dT%H:%MZ")
    load = 100 + 20 * np.sin(np.arange(600) / 24 * 2 * np.pi)
    dataset_id = service.upload(pd.DataFrame({"ds": stamps, "y": load.round(2)}))
    config = {
        "horizon": 24,
        "preset": "fast",
        "forecasters": ["seasonal_naive"],
        "quantile_models": ["residual"],
    }
    answer = service.http.post("/v1/jobs", json={"dataset_id": dataset_id, "config": config})
    job = service.finish(answer.json()["id"])
    assert job["state"] == "succeeded", job
    return str(job["model_id"])


@pytest.mark.slow
def test_a_fitted_model(service: Any, model_id: str) -> None:
    values = (50 + 10 * np.sin(np.arange(200) / 24 * 2 * np.pi)).round(2).tolist()
    one = {"name": "site", "series": values, "start_timestamp": "2026-03-01T00:00:00Z"}
    answer = service.http.post(URL, json=request(model_id, one, quantiles=[0.9, 0.1]), timeout=180)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["status"], found["model"]) == ("completed", model_id)
    (content,) = found["outputs"][0]["content"]
    assert (content["name"], content["frequency"]) == ("site", "H")
    assert pd.Timestamp(content["start_timestamp"]) == pd.Timestamp("2026-03-09T08:00:00Z")
    assert list(content["quantiles"]) == ["0.1", "0.9"]
    assert len(content["mean_forecast"]) == len(content["quantiles"]["0.1"]) == 6
    assert 30 < np.mean(content["mean_forecast"]) < 70
    kept = service.http.get(f"/v1/forecasts/{found['id']}", params={"fields": "state"})
    assert kept.json() == {"state": "succeeded"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "options", "field"),
    [
        ({}, {"horizon": 25}, "options.horizon"),
        ({"start_timestamp": None}, {}, "inputs.start_timestamp"),
        ({"start_timestamp": "soon"}, {}, "inputs.start_timestamp"),
        ({"type": "multivariate_time_series"}, {}, "inputs.0.type"),
        ({"series": []}, {}, "inputs.0.series"),
        ({}, {"quantiles": [1.5]}, "options.quantiles.0"),
    ],
)
def test_unusable(
    service: Any, model_id: str, change: Document, options: Document, field: str
) -> None:
    one = {"name": "a", "series": [1.0] * 60, "start_timestamp": "2026-03-01T00:00:00Z"} | change
    answer = service.http.post(URL, json=request(model_id, one, **options))
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


def test_series_of_one_name(service: Any) -> None:
    one = {"name": "a", "series": [1.0]}
    answer = service.http.post(URL, json=request("fast", one, one))
    assert answer.json()["errors"][0]["field"] == "inputs"


def test_of_no_model(service: Any) -> None:
    one = {"name": "a", "series": [1.0], "start_timestamp": "2026-03-01T00:00:00Z"}
    assert service.http.post(URL, json=request("model_none", one)).status_code == 404


@pytest.mark.slow
def test_the_fast_preset_fits_on_the_inputs(service: Any) -> None:
    """On a busy machine the fit may take longer than an answer; then it goes on as a job."""
    rng = np.random.default_rng(0)
    sites = [
        {"name": name, "series": (level + rng.normal(size=300)).round(3).tolist()}
        for name, level in (("a", 10), ("b", 50))
    ]
    answer = service.http.post(URL, json=request("fast", *sites, horizon=3), timeout=180)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    if found["status"] == "pending":
        assert service.http.get(f"/v1/jobs/{found['id']}").status_code == 200
        service.http.post(f"/v1/jobs/{found['id']}/cancel")
        return
    contents = {content["name"]: content for content in found["outputs"][0]["content"]}
    assert set(contents) == {"a", "b"}
    assert np.mean(contents["a"]["mean_forecast"]) < np.mean(contents["b"]["mean_forecast"])
