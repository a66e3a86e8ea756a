"""Datasets grow by versions, models have names and aliases, and both can be deleted."""

import hashlib
import io
import os
import zipfile
from base64 import b64decode
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from autopq import FittedModel

pytestmark = pytest.mark.slow

Document = dict[str, Any]

CSV = {"Content-Type": "text/csv"}


def columns_of(table: pd.DataFrame) -> Document:
    """The table as JSON columns."""
    return {
        "columns": {
            name: [
                None if pd.isna(value) else value if isinstance(value, float) else str(value)
                for value in table[name].tolist()
            ]
            for name in table.columns
        }
    }


def stored(service: Any, dataset_id: str) -> list[str]:
    return sorted(name for name in os.listdir(service.data_dir / "datasets") if dataset_id in name)


class TestUploads:
    def test_json_columns(self, service: Any, table: pd.DataFrame) -> None:
        answer = service.http.post("/v1/datasets", json=columns_of(table), params={"name": "grid"})
        assert answer.status_code == 201, answer.text
        dataset = answer.json()
        assert (dataset["rows"], dataset["name"], dataset["version"]) == (len(table), "grid", 1)
        kinds = {column["name"]: column["kind"] for column in dataset["inspection"]["columns"]}
        assert kinds["timestamp"] == "time"
        assert kinds["load"] == kinds["temperature"] == "number"
        found = service.http.get("/v1/datasets", params={"name": "grid"}).json()["items"]
        assert [row["id"] for row in found] == [dataset["id"]]
        found = service.http.get("/v1/datasets", params={"sha256": dataset["sha256"]}).json()
        assert dataset["id"] in [row["id"] for row in found["items"]]

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"[]",
            b"\xff",
            b'{"columns": []}',
            b'{"columns": {}}',
            b'{"columns": {"a": 1}}',
            b'{"columns": {"a": [1], "a": [2]}}',
            b'{"columns": {"a": [1], "b": [1, 2]}}',
            b'{"columns": {"a": [[1]]}}',
            b'{"columns": {"a": ["\\ud800"]}}',
            b'{"columns": {"a": [1]}, "more": 1}',
            b"[" * 100_000,
            b'{"columns": {"a": [' + b"9" * 5000 + b"]}}",
        ],
    )
    def test_json_that_is_no_table(self, service: Any, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        answer = service.http.post("/v1/datasets", content=body, headers=headers)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["mend"]

    def test_nixtla_columns(self, service: Any, table: pd.DataFrame) -> None:
        """`unique_id, ds, y` need no config at all."""
        nixtla = pd.DataFrame({"unique_id": "a", "ds": table["timestamp"], "y": table["load"]})
        dataset_id = service.upload(nixtla.dropna())
        answer = service.http.post(f"/v1/datasets/{dataset_id}/audit", json={})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["item_id"], found["timestamp"], found["target"]) == ("unique_id", "ds", "y")


class TestAppend:
    def test_versions_grow_and_never_change(self, service: Any, table: pd.DataFrame) -> None:
        """The last day's load is unknown at first; it arrives, then a day follows."""
        dataset_id = service.upload(table)
        url = f"/v1/datasets/{dataset_id}"
        arrived = table.tail(24)[["timestamp"]].assign(load=np.arange(24.0))
        answer = service.http.post(f"{url}/rows", json=columns_of(arrived))
        assert answer.status_code == 201, answer.text
        second = answer.json()
        assert (second["version"], second["added"], second["replaced"]) == (2, 0, 24)
        last = pd.Timestamp(table["timestamp"].iloc[-1])
        later = pd.DataFrame(
            {"ds": [str(last + pd.Timedelta(hours=h)) for h in (1, 2)], "load": [1.0, 2.0]}
        )
        answer = service.http.post(
            f"{url}/rows", content=later.to_csv(index=False), headers=CSV
        ).json()
        assert (answer["version"], answer["added"], answer["rows"]) == (3, 2, len(table) + 2)

        assert service.http.get(url).json()["version"] == 3
        page = service.http.get(f"{url}/versions", params={"limit": 2}).json()
        assert [row["version"] for row in page["items"]] == [3, 2]
        rest = {"cursor": page["next_cursor"], "fields": "version,rows"}
        page = service.http.get(f"{url}/versions", params=rest).json()
        assert page == {"items": [{"version": 1, "rows": len(table)}], "next_cursor": None}
        only = service.http.get(f"{url}/versions", params={"version": 2}).json()
        assert [row["version"] for row in only["items"]] == [2]
        assert service.http.get(f"{url}/versions", params={"version": 4}).status_code == 404

        task = {"target": "load", "timezone": "Europe/Berlin"}
        for version, missing in ((1, 24), (2, 0), (None, 0)):
            body = {"config": task, "version": version}
            audit = service.http.post(f"{url}/audit", json=body).json()
            assert audit["per_series"][0]["future_rows"] == missing, audit

    @pytest.mark.parametrize(
        ("columns", "field"),
        [
            ({"timestamp": ["2020-01-01 00:00"], "load": [1]}, "timestamp"),
            ({"timestamp": ["2034-01-01 00:00"], "colour": ["red"]}, "colour"),
            ({"load": [1]}, "timestamp"),
        ],
    )
    def test_rows_without_a_place_leave_nothing(
        self, service: Any, dataset_id: str, columns: Document, field: str
    ) -> None:
        answer = service.http.post(f"/v1/datasets/{dataset_id}/rows", json={"columns": columns})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field
        assert stored(service, dataset_id) == [dataset_id]
        assert os.listdir(service.data_dir / "incoming") == []

    def test_of_nothing(self, service: Any) -> None:
        answer = service.http.post("/v1/datasets/ds_none/rows", json={"columns": {"load": [1]}})
        assert answer.status_code == 404


@pytest.mark.slow
class TestModels:
    def test_versions_aliases_and_deletion(self, service: Any, table: pd.DataFrame) -> None:
        http: httpx.Client = service.http
        dataset_id = service.upload(table)
        body = {"dataset_id": dataset_id, "config": service.config, "model_name": "berlin"}
        models = []
        for number in (1, 2):
            job = service.finish(http.post("/v1/jobs", json=body).json()["id"])
            model = http.get(f"/v1/models/{job['model_id']}").json()
            assert (model["name"], model["version"]) == ("berlin", number)
            assert (model["dataset_id"], model["dataset_version"]) == (dataset_id, 1)
            models.append(model["id"])
        assert http.get("/v1/models/berlin@1").json()["id"] == models[0]
        assert http.get("/v1/models/berlin@latest").json()["id"] == models[1]
        listed = http.get("/v1/models/berlin@1/versions", params={"fields": "id"}).json()["items"]
        assert [row["id"] for row in listed] == models[::-1]

        for reference in models:
            answer = http.post(f"/v1/models/{reference}/promote", json={"alias": "production"})
            assert answer.json()["aliases"] == ["production"], answer.text
        assert http.get("/v1/models/berlin@production").json()["id"] == models[1]
        assert http.get(f"/v1/models/{models[0]}").json()["aliases"] == []
        query = {"name": "berlin", "alias": "production", "dataset_id": dataset_id}
        assert [row["id"] for row in http.get("/v1/models", params=query).json()["items"]] == [
            models[1]
        ]
        forecast = service.forecast("berlin@production", paths=5)
        assert (forecast["state"], forecast["model_id"]) == ("succeeded", models[1])

        assert http.delete("/v1/models/berlin@production").status_code == 204
        for reference in (models[1], "berlin@production", "berlin@2"):
            assert http.get(f"/v1/models/{reference}").status_code == 404
        assert http.get("/v1/models/berlin@latest").json()["id"] == models[0]
        assert len(list((service.data_dir / "models").glob(f"{job['id']}*"))) == 0
        assert http.get(f"/v1/jobs/{job['id']}").json()["model_id"] is None
        assert http.get(f"/v1/forecasts/{forecast['id']}").status_code == 200
        assert http.delete(f"/v1/forecasts/{forecast['id']}").status_code == 204
        assert http.get(f"/v1/forecasts/{forecast['id']}").status_code == 404
        assert not list((service.data_dir / "forecasts").glob(f"{forecast['id']}*"))
        job = service.finish(http.post("/v1/jobs", json=body).json()["id"])
        assert http.get(f"/v1/models/{job['model_id']}").json()["version"] == 3

        assert http.delete(f"/v1/datasets/{dataset_id}").status_code == 204
        assert http.get(f"/v1/datasets/{dataset_id}").status_code == 404
        assert stored(service, dataset_id) == []
        assert service.forecast("berlin@1", paths=5)["state"] == "succeeded"

    def test_download_is_what_the_library_loads(
        self, service: Any, finished_job: Document, tmp_path: Path
    ) -> None:
        url = f"/v1/models/{finished_job['model_id']}/download"
        answer = service.http.get(url)
        digest = hashlib.sha256(answer.content).digest()
        assert b64decode(answer.headers["repr-digest"].split(":")[1]) == digest
        again = service.http.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            packed.extractall(tmp_path)
        (folder,) = tmp_path.iterdir()
        assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}
        assert FittedModel.load(folder).config.horizon == 24

    @pytest.mark.parametrize("alias", ["latest", "7", "", "a b", "a@b"])
    def test_aliases_that_mean_something_else(
        self, service: Any, finished_job: Document, alias: str
    ) -> None:
        url = f"/v1/models/{finished_job['model_id']}/promote"
        assert service.http.post(url, json={"alias": alias}).status_code == 422

    @pytest.mark.parametrize("reference", ["x@latest", "x@1", "@", "@latest", "x@" + "9" * 30])
    def test_references_to_nothing(self, service: Any, reference: str) -> None:
        assert service.http.get(f"/v1/models/{reference}").status_code == 404


class TestWhatIsInUse:
    def test_a_dataset_with_a_job_is_not_deleted(self, make_service: Any, table: Any) -> None:
        service = make_service(supervise=False, ready=False)
        job = service.submit(service.upload(table))
        url = f"/v1/datasets/{job['dataset_id']}"
        answer = service.http.delete(url)
        assert answer.status_code == 409
        assert job["id"] in answer.json()["detail"]
        service.http.post(job["links"]["cancel"])
        assert service.http.delete(url).status_code == 204
        assert stored(service, job["dataset_id"]) == []
        again = {"dataset_id": job["dataset_id"], "config": service.config}
        assert service.http.post("/v1/jobs", json=again).status_code == 404


@pytest.mark.slow
class TestMonitoring:
    def test_past_forecasts_against_what_arrived(self, service: Any, table: pd.DataFrame) -> None:
        """A forecast of the last known days; their actuals come by append, or with the request."""
        http: httpx.Client = service.http
        known = table.dropna()
        dataset_id = service.upload(known.iloc[:-48])
        job = service.finish(service.submit(dataset_id)["id"])
        url = f"/v1/models/{job['model_id']}/monitoring"
        weather = known.iloc[-48:-24].drop(columns="load")
        made = service.forecast(job["model_id"], future_covariates=columns_of(weather))
        assert made["state"] == "succeeded", made
        before = http.get(url).json()
        assert (before["forecasts"], before["values_without_actual"]) == (1, 24)
        assert (before["overall"]["values"], before["verdict"]) == (0, "too_few")

        actuals = columns_of(known.iloc[-48:])
        posted = http.post(url, json={"actuals": actuals}).json()
        http.post(f"/v1/datasets/{dataset_id}/rows", json=actuals)
        after = http.get(url).json()
        assert (after["dataset_id"], after["dataset_version"]) == (dataset_id, 2)
        assert posted["dataset_id"] is None
        for found in (posted, after):
            assert (found["overall"]["values"], found["values_without_actual"]) == (24, 0)
            assert 0 <= found["overall"]["coverage_90"] <= 1
            loss = found["overall"]["mean_pinball"] / found["reference"]
            assert found["overall"]["loss_ratio"] == pytest.approx(loss)
            assert found["verdict"] == "too_few"
            assert sum(week["values"] for week in found["weeks"]) == 24
        assert os.listdir(service.data_dir / "incoming") == []

        unusable = http.post(url, json={"actuals": {"columns": {"load": [1]}}})
        assert unusable.status_code == 422
        assert unusable.json()["errors"][0]["field"] == "timestamp"
