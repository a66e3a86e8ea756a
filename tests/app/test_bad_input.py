"""Input that cannot be used: a 4xx problem that names field, row and mend, and nothing left."""

import base64
import contextlib
import io
import os
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Document = dict[str, Any]
Change = Callable[[pd.DataFrame], pd.DataFrame]

CSV = {"Content-Type": "text/csv"}


def problem_of(answer: httpx.Response, status: int = 422) -> Document:
    """The problem, checked for what every problem must hold."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    assert problem["detail"]
    for finding in problem["errors"]:
        assert finding["field"]
        assert finding["detail"]
        assert finding["mend"]
    return dict(problem)


def with_text(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(load=table["load"].astype(object).where(table.index != 7, "many"))


def repeated(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table.iloc[:11], table.iloc[10:]])


def swapped(table: pd.DataFrame) -> pd.DataFrame:
    order = list(range(len(table)))
    order[20], order[21] = order[21], order[20]
    return table.iloc[order]


def mostly_missing(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(load=table["load"].where(table.index < 30))


# What is wrong with the table, the field to be named, the row to be named.
BAD_TABLES: dict[str, tuple[Change, str, int | None]] = {
    "unknown covariate": (lambda t: t.drop(columns="temperature"), "known_covariates", None),
    "unknown target": (lambda t: t.rename(columns={"load": "other"}), "target", None),
    "text in the target": (with_text, "load", 8),
    "duplicate stamps": (repeated, "timestamp", 12),
    "unordered stamps": (swapped, "timestamp", 22),
    "too short": (lambda t: t.iloc[:30], "load", None),
    "too little left": (mostly_missing, "load", None),
}


class TestJobTables:
    @pytest.mark.parametrize("case", BAD_TABLES)
    def test_unusable(self, service: Any, table: pd.DataFrame, case: str) -> None:
        change, field, row = BAD_TABLES[case]
        dataset_id = service.upload(change(table.copy()))
        body = {"dataset_id": dataset_id, "config": service.config}
        problem = problem_of(service.http.post("/v1/jobs", json=body))
        found = {(finding["field"], finding.get("row")) for finding in problem["errors"]}
        assert (field, row) in found, problem

    def test_missing_blocks_are_masked_and_listed(self, service: Any, table: pd.DataFrame) -> None:
        holed = table.assign(load=table["load"].where((table.index < 100) | (table.index > 120)))
        job = service.submit(service.upload(holed))
        service.http.post(job["links"]["cancel"])
        audit = service.http.get(job["links"]["audit"]).json()["audit"]
        assert any(block["rows"] == 21 for block in audit["missing_blocks"]), audit


class TestConfig:
    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("quantile_levels", []),
            ("quantile_levels", [i / 10001 for i in range(1, 10001)]),
            ("quantile_levels", [0.5, 1.0]),
            ("quantile_levels", [-0.1]),
            ("horizon", 0),
            ("horizon", "soon"),
            ("preset", "magic"),
            ("forecasters", ["crystal_ball"]),
            ("quantile_models", ["dice"]),
            ("timezone", "Mars/Base"),
            ("colour", "red"),
        ],
    )
    def test_unusable_setting_is_named(
        self, service: Any, dataset_id: str, setting: str, value: object
    ) -> None:
        body = {"dataset_id": dataset_id, "config": service.config | {setting: value}}
        problem = problem_of(service.http.post("/v1/jobs", json=body))
        assert any(setting in finding["field"] for finding in problem["errors"]), problem

    def test_target_among_covariates(self, service: Any, dataset_id: str) -> None:
        config = service.config | {"known_covariates": ["load"]}
        body = {"dataset_id": dataset_id, "config": config}
        assert "covariate" in problem_of(service.http.post("/v1/jobs", json=body))["detail"]

    def test_unknown_dataset(self, service: Any) -> None:
        body = {"dataset_id": "ds_nothing", "config": service.config}
        problem_of(service.http.post("/v1/jobs", json=body), 404)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (r'{"dataset_id": "\ud800"}', "dataset_id"),
            (r'{"dataset_id": "x", "config": {"target": "a\udfff"}}', "config.target"),
            (r'{"dataset_id": "x", "config": {"known_covariates": ["\ud800"]}}', "config.known"),
            (r'{"dataset_id": "x", "\ud800": 1}', "body"),
        ],
    )
    def test_half_a_surrogate_pair(self, service: Any, body: str, field: str) -> None:
        headers = {"Content-Type": "application/json"}
        problem = problem_of(service.http.post("/v1/jobs", content=body, headers=headers))
        assert problem["errors"][0]["field"].startswith(field)

    @pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"dataset_id": 1}', b"\xff\xfe"])
    def test_malformed_body(self, service: Any, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        problem_of(service.http.post("/v1/jobs", content=body, headers=headers))


class TestForecastRequests:
    def test_missing_future_covariates(
        self, service: Any, finished_job: Document, table: pd.DataFrame
    ) -> None:
        history = {"dataset_id": service.upload(table.dropna())}
        url = f"/v1/models/{finished_job['model_id']}/forecasts"
        problem = problem_of(service.http.post(url, json={"history": history}))
        assert any(finding["field"] == "temperature" for finding in problem["errors"]), problem
        assert not list((service.data_dir / "forecasts").glob("*.json"))

    @pytest.mark.parametrize(
        "reference", [{}, {"dataset_id": "x", "columns": {}}, {"columns": {"load": [1, 2]}}]
    )
    def test_unusable_reference(
        self, service: Any, finished_job: Document, reference: Document
    ) -> None:
        url = f"/v1/models/{finished_job['model_id']}/forecasts"
        problem_of(service.http.post(url, json={"history": reference}))

    def test_half_a_surrogate_pair_in_a_column(self, service: Any, finished_job: Document) -> None:
        url = f"/v1/models/{finished_job['model_id']}/forecasts"
        body = r'{"history": {"columns": {"timestamp": ["2024-01-01"], "load": ["\ud800"]}}}'
        headers = {"Content-Type": "application/json"}
        problem = problem_of(service.http.post(url, content=body, headers=headers))
        assert problem["errors"][0]["field"] == "history.columns.load"

    @pytest.mark.parametrize(
        "levels", ["", ",", "0", "1", "1.5", "-0.1", "nan", "half", ",".join(["0.5"] * 10_000)]
    )
    def test_unusable_levels(self, service: Any, forecast: Document, levels: str) -> None:
        url = f"/v1/forecasts/{forecast['id']}"
        problem = problem_of(service.http.get(url, params={"quantile_levels": levels}))
        assert problem["errors"][0]["field"] == "quantile_levels"

    def test_representation_that_is_not_offered(self, service: Any, forecast: Document) -> None:
        url = f"/v1/forecasts/{forecast['id']}"
        problem_of(service.http.get(url, headers={"Accept": "image/png"}), 406)


class TestUploads:
    @pytest.fixture(autouse=True)
    def _leaves_nothing(self, service: Any) -> Any:
        """A refused upload leaves neither row nor file, and the service stays up."""

        def state() -> tuple[list[str], list[str]]:
            ids = [row["id"] for row in service.http.get("/v1/datasets").json()["items"]]
            folders = (service.data_dir / "incoming", service.data_dir / "datasets")
            return ids, sorted(name for folder in folders for name in os.listdir(folder))

        before = state()
        yield
        assert state() == before
        assert service.http.get("/readyz").status_code == 200

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\n",
            b"a,b\n1,2,3\n",
            b"a,a\n1,2\n",
            b"\xff\xfe\x00\x01binary\x00",
            b"PAR1 but not really",
            b"<html></html>",
        ],
    )
    def test_not_a_csv_table(self, service: Any, content: bytes) -> None:
        problem_of(service.http.post("/v1/datasets", content=content, headers=CSV))

    @pytest.mark.parametrize("kind", ["parquet", "arrow.stream"])
    def test_content_that_is_not_what_it_says(
        self, service: Any, table: pd.DataFrame, kind: str
    ) -> None:
        content = table.to_csv(index=False)
        headers = {"Content-Type": f"application/vnd.apache.{kind}"}
        problem_of(service.http.post("/v1/datasets", content=content, headers=headers))

    def test_media_type_that_is_not_read(self, service: Any) -> None:
        headers = {"Content-Type": "application/x-pickle"}
        problem_of(service.http.post("/v1/datasets", content=b"x", headers=headers), 415)

    def test_form_without_a_file(self, service: Any) -> None:
        problem_of(service.http.post("/v1/datasets", files={"other": ("a.csv", b"a\n1\n")}))

    @pytest.mark.parametrize("boundary", ["", "x" * 300])
    def test_form_with_an_unusable_boundary(self, service: Any, boundary: str) -> None:
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        problem_of(service.http.post("/v1/datasets", content=b"--x", headers=headers))

    def test_parquet_bomb(self, service: Any) -> None:
        """A small file of very many rows: refused, and the API's own memory stays flat."""
        flat = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(40_000_000, np.int8)), pa.array([1.0])
        )
        sink = io.BytesIO()
        pq.write_table(pa.table({"load": flat}), sink, compression="zstd")
        bomb = sink.getvalue()
        assert len(bomb) < 2**20
        headers = {"Content-Type": "application/vnd.apache.parquet"}
        process = psutil.Process(service.process.pid)
        before = process.memory_info().rss
        problem_of(service.http.post("/v1/datasets", content=bomb, headers=headers))
        assert process.memory_info().rss < before + 50 * 2**20

    def test_corrupted_files(self, service: Any, table: pd.DataFrame) -> None:
        """Flipped, cut and spliced files: never a 5xx, never a leftover."""
        rng = np.random.default_rng(5)
        sink = io.BytesIO()
        table.to_parquet(sink)
        arrow = pa.Table.from_pandas(table)
        stream = pa.BufferOutputStream()
        with pa.ipc.new_stream(stream, arrow.schema) as writer:
            writer.write_table(arrow)
        whole = {
            "application/vnd.apache.parquet": sink.getvalue(),
            "application/vnd.apache.arrow.stream": stream.getvalue().to_pybytes(),
        }
        for media_type, content in whole.items():
            for _ in range(12):
                broken = bytearray(content)
                for at in rng.integers(len(broken), size=8):
                    broken[at] = int(rng.integers(256))
                cut = bytes(broken[: int(rng.integers(1, len(broken)))])
                answer = service.http.post(
                    "/v1/datasets", content=cut, headers={"Content-Type": media_type}
                )
                problem_of(answer)


class TestLimits:
    def test_upload_above_the_limit_is_refused_while_it_streams(self, make_service: Any) -> None:
        service = make_service(max_upload_bytes=2**20, supervise=False, ready=False)
        process = psutil.Process(service.process.pid)
        service.http.post("/v1/datasets", content=b"a\n1\n", headers=CSV)
        before = process.memory_info().rss

        def endless() -> Any:
            for _ in range(64):
                yield b"1234567\n" * 2**17

        declared = service.http.post("/v1/datasets", content=b"x" * (2**20 + 1), headers=CSV)
        problem_of(declared, 413)
        # The service may hang up before the client has sent it all.
        with contextlib.suppress(httpx.TransportError):
            problem_of(service.http.post("/v1/datasets", content=endless(), headers=CSV), 413)
        assert process.memory_info().rss < before + 20 * 2**20
        assert not os.listdir(service.data_dir / "incoming")
        assert len(service.http.get("/v1/datasets").json()["items"]) == 1

    @pytest.mark.slow
    def test_tables_and_forecasts_above_their_limits(
        self, make_service: Any, table: pd.DataFrame
    ) -> None:
        service = make_service(max_rows=len(table), max_forecast_values=1000)
        job = service.finish(service.submit(service.upload(table))["id"])
        assert job["state"] == "succeeded", job
        url = f"/v1/models/{job['model_id']}/forecasts"
        problem = problem_of(service.http.post(url, json={"paths": 42}))
        assert problem["errors"][0]["field"] == "paths"
        assert "at most 41 paths" in problem["errors"][0]["mend"]
        assert service.forecast(job["model_id"], paths=41)["state"] == "succeeded"

        long = {"columns": {"load": [1.0] * (len(table) + 1)}}
        problem = problem_of(service.http.post(url, json={"paths": 1, "history": long}))
        assert f"the limit is {len(table)}" in problem["detail"]

    def test_columns_and_series_above_their_limits(
        self, make_service: Any, table: pd.DataFrame
    ) -> None:
        service = make_service(max_columns=3, max_series=2, supervise=False, ready=False)
        wide = table.assign(one=1, two=2).to_csv(index=False)
        problem = problem_of(service.http.post("/v1/datasets", content=wide, headers=CSV))
        assert "columns; the limit is 3" in problem["detail"]

        many = pd.concat([table[["timestamp", "load"]].assign(item_id=name) for name in "abc"])
        config = {"target": "load", "horizon": 24, "timezone": "Europe/Berlin"}
        body = {"dataset_id": service.upload(many), "config": config}
        problem = problem_of(service.http.post("/v1/jobs", json=body))
        assert problem["errors"][0]["field"] == "item_id"
        assert "3 series; the limit is 2" in problem["detail"]

    def test_json_body_above_the_limit(self, make_service: Any) -> None:
        service = make_service(max_json_bytes=2048, supervise=False, ready=False)
        body = {"dataset_id": "x" * 4096}
        problem_of(service.http.post("/v1/jobs", json=body), 413)


class TestUnknownThings:
    @pytest.mark.parametrize(
        "path",
        [
            "/v1/datasets/x",
            "/v1/jobs/x",
            "/v1/jobs/x/leaderboard",
            "/v1/jobs/x/trials",
            "/v1/jobs/x/energy",
            "/v1/jobs/x/audit",
            "/v1/models/x",
            "/v1/forecasts/x",
            "/v1/forecasts/x/paths",
            "/v1/forecasts/..%2f..%2fautopq.sqlite3",
            "/nowhere",
        ],
    )
    def test_not_found(self, service: Any, path: str) -> None:
        problem_of(service.http.get(path), 404)

    def test_method_not_allowed(self, service: Any) -> None:
        problem_of(service.http.delete("/v1/jobs"), 405)

    @pytest.mark.parametrize("last", ["x", "-1", str(2**63), "9" * 100])
    def test_cursor_of_no_trial(self, service: Any, finished_job: Document, last: str) -> None:
        cursor = base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")
        url = finished_job["links"]["trials"]
        problem_of(service.http.get(url, params={"cursor": cursor}))

    @pytest.mark.parametrize("query", ["cursor=%%%", "limit=0", "limit=101", "state=asleep"])
    def test_list_parameters(self, service: Any, query: str) -> None:
        problem_of(service.http.get(f"/v1/jobs?{query}"))
