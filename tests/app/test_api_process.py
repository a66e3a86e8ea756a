"""What the API process must not be: heavy, dependent on strangers' servers, or undocumented."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings

DRIVE = """
import sys
from pathlib import Path
from fastapi.testclient import TestClient
from app.main import create_app
from app.settings import Settings

settings = Settings(data_dir=Path(sys.argv[1]), supervise=False)
with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
    csv = Path(sys.argv[2]).read_bytes()
    dataset = http.post("/v1/datasets", content=csv, headers={"Content-Type": "text/csv"}).json()
    config = {"target": "load", "known_covariates": ["temperature"]}
    job = http.post("/v1/jobs", json={"dataset_id": dataset["id"], "config": config})
    assert job.status_code == 202, job.text
    for path in ("/v1/jobs", "/v1/energy", "/openapi.json", job.json()["links"]["audit"]):
        assert http.get(path).status_code == 200, path
heavy = {"torch", "lightgbm", "optuna", "codecarbon", "sklearn", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""


def test_never_imports_model_code(tmp_path: Path, table: Any) -> None:
    csv = tmp_path / "table.csv"
    table.to_csv(csv, index=False)
    command = [sys.executable, "-W", "ignore", "-c", DRIVE, str(tmp_path / "data"), str(csv)]
    subprocess.run(command, check=True, timeout=120)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("unused"))).openapi()


OPERATIONS = {
    "create_dataset", "list_datasets", "get_dataset", "delete_dataset",
    "append_rows", "list_dataset_versions", "audit_dataset",
    "create_job", "list_jobs", "get_job", "cancel_job",
    "get_backtest", "get_backtest_windows", "get_backtest_series", "get_backtest_forecasts",
    "rerun_job", "delete_job", "follow_job", "list_deliveries", "renew_webhook_secret",
    "get_job_audit", "get_leaderboard", "list_trials", "get_job_energy",
    "list_models", "get_model", "delete_model", "list_model_versions", "promote_model",
    "forecast_timeseries", "download_model", "update_model",
    "get_monitoring", "monitor_model", "get_importance",
    "create_forecast", "get_forecast_status", "get_forecast",
    "get_forecast_paths", "list_forecasts", "delete_forecast", "get_forecast_aggregates",
    "get_metrics", "get_usage", "get_energy", "get_energy_report", "get_machines_energy",
    "get_job_energy_worth", "get_job_energy_report", "estimate_job",
    "create_key", "list_keys", "get_key", "revoke_key", "healthz", "readyz",
}  # fmt: skip


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


class TestOpenAPI:
    def test_operations(self, document: dict[str, Any]) -> None:
        assert {operation["operationId"] for operation in operations(document)} == OPERATIONS

    def test_errors_are_problems(self, document: dict[str, Any]) -> None:
        for operation in operations(document):
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"], operation

    def test_references_resolve(self, document: dict[str, Any]) -> None:
        known = set(document["components"]["schemas"])
        assert "HTTPValidationError" not in known

        def walk(node: Any) -> None:
            if isinstance(node, dict):
                if "$ref" in node:
                    assert node["$ref"].rsplit("/", 1)[1] in known, node
                for value in node.values():
                    walk(value)
            elif isinstance(node, list):
                for value in node:
                    walk(value)

        walk(document)

    def test_bodies_have_examples(self, document: dict[str, Any]) -> None:
        for name in ("JobCreate", "ForecastCreate", "Dataset"):
            assert document["components"]["schemas"][name]["examples"]
