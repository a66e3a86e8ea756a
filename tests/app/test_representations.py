"""What readers may ask of a resource: a form, a part, an encoding, and only what is new."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

Document = dict[str, Any]

ARROW = "application/vnd.apache.arrow.stream"


class TestForecastForms:
    def test_arrow_is_the_same_table(self, service: Any, forecast: Document) -> None:
        url = f"/v1/forecasts/{forecast['id']}"
        answer = service.http.get(url, headers={"Accept": ARROW})
        assert answer.headers["content-type"] == ARROW
        by_arrow = pa.ipc.open_stream(answer.content).read_all().to_pandas()
        parquet = service.http.get(url, params={"format": "parquet"}).content
        pd.testing.assert_frame_equal(by_arrow, pd.read_parquet(io.BytesIO(parquet)))

    @pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
    def test_paths_as_a_long_table(self, service: Any, forecast: Document, form: str) -> None:
        url = f"/v1/forecasts/{forecast['id']}/paths"
        answer = service.http.get(url, params={"format": form})
        read = {
            "csv": lambda raw: pd.read_csv(io.BytesIO(raw)),
            "parquet": lambda raw: pd.read_parquet(io.BytesIO(raw)),
            "arrow": lambda raw: pa.ipc.open_stream(raw).read_all().to_pandas(),
        }[form](answer.content)
        assert list(read.columns) == ["item_id", "timestamp", "path", "value"]
        assert len(read) == 50 * 24
        values = np.array(service.http.get(url).json()["values"][0])
        of_path = read[read["path"] == 7]["value"].to_numpy()
        assert of_path == pytest.approx(values[7], rel=1e-5)

    def test_day_sums_are_those_of_the_paths(self, service: Any, forecast: Document) -> None:
        url = f"/v1/forecasts/{forecast['id']}"
        query = {"measure": "sum", "window": "horizon", "quantile_levels": "0.5"}
        answer = service.http.get(f"{url}/aggregates", params=query).json()
        sums = np.array(service.http.get(f"{url}/paths").json()["values"][0]).sum(axis=1)
        assert answer["columns"]["0.5"] == pytest.approx([np.median(sums)], rel=1e-6)
        assert answer["columns"]["steps"] == [24]
        assert answer["paths"] == 50

    @pytest.mark.parametrize("measure", ["sum", "mean", "max", "min", "ramp"])
    def test_every_measure_by_day(self, service: Any, forecast: Document, measure: str) -> None:
        query = {"measure": measure, "quantile_levels": "0.1,0.9"}
        url = f"/v1/forecasts/{forecast['id']}/aggregates"
        columns = service.http.get(url, params=query).json()["columns"]
        assert sum(columns["steps"]) == 24
        assert all(low <= high for low, high in zip(columns["0.1"], columns["0.9"], strict=True))

    def test_a_fallback_is_told(self, service: Any, forecast: Document) -> None:
        url = f"/v1/forecasts/{forecast['id']}"
        assert service.http.get(url).json()["fallbacks"] == []
        stamps = pd.date_range("2030-01-01", periods=60, freq="h").map(str).tolist()
        empty, mild, item = [None] * 60, [5.0] * 60, ["meter-1"] * 60
        columns = {"item_id": item, "timestamp": stamps, "load": empty, "temperature": mild}
        silent = {"columns": columns}
        found = service.forecast(forecast["model_id"], history=silent, paths=5)
        assert found["state"] == "succeeded", found
        answer = service.http.get(f"/v1/forecasts/{found['id']}").json()
        (fallback,) = answer["fallbacks"]
        assert fallback["used"] == "climatology"
        assert "needed: 12" in fallback["reason"]
        assert len(answer["columns"]["timestamp"]) == 24

    def test_series_that_is_not_there(self, service: Any, forecast: Document) -> None:
        answer = service.http.get(f"/v1/forecasts/{forecast['id']}", params={"item_id": "other"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "item_id"


class TestForecastList:
    def test_of_a_model_and_state(self, service: Any, forecast: Document) -> None:
        query = {"model_id": forecast["model_id"], "state": "succeeded", "limit": 100}
        page = service.http.get("/v1/forecasts", params=query).json()
        assert forecast["id"] in {item["id"] for item in page["items"]}
        assert {item["model_id"] for item in page["items"]} == {forecast["model_id"]}
        none = service.http.get("/v1/forecasts", params={"model_id": "model_none"}).json()
        assert none == {"items": [], "next_cursor": None}


class TestSparseFields:
    def test_of_one_and_of_a_list(self, service: Any, dataset_id: str) -> None:
        query = {"fields": "id, rows"}
        one = service.http.get(f"/v1/datasets/{dataset_id}", params=query).json()
        assert set(one) == {"id", "rows"}
        page = service.http.get("/v1/datasets", params=query).json()
        assert set(page) == {"items", "next_cursor"}
        assert all(set(item) == {"id", "rows"} for item in page["items"])

    def test_of_a_forecast(self, service: Any, forecast: Document) -> None:
        url = f"/v1/forecasts/{forecast['id']}"
        answer = service.http.get(url, params={"fields": "columns"})
        assert set(answer.json()) == {"columns"}

    @pytest.mark.parametrize("fields", ["", ",", "id,colour"])
    def test_unknown(self, service: Any, dataset_id: str, fields: str) -> None:
        answer = service.http.get(f"/v1/datasets/{dataset_id}", params={"fields": fields})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "fields"


class TestConditionalReads:
    @pytest.mark.parametrize("prefix", ["", "W/"])
    def test_what_is_known_is_not_sent_again(
        self, service: Any, dataset_id: str, forecast: Document, prefix: str
    ) -> None:
        for path in (f"/v1/datasets/{dataset_id}", f"/v1/forecasts/{forecast['id']}"):
            first = service.http.get(path)
            tag = first.headers["etag"].removeprefix("W/")
            again = service.http.get(path, headers={"If-None-Match": f'"x", {prefix}{tag}'})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]

    def test_another_question_has_another_tag(self, service: Any, forecast: Document) -> None:
        path = f"/v1/forecasts/{forecast['id']}"
        queries = ({}, {"format": "csv"}, {"quantile_levels": "0.5"}, {"fields": "columns"})
        tags = {service.http.get(path, params=query).headers["etag"] for query in queries}
        assert len(tags) == len(queries)


class TestCompression:
    @pytest.mark.parametrize("encoding", ["gzip", "zstd"])
    def test_of_large_answers(self, service: Any, encoding: str) -> None:
        plain = service.http.get("/openapi.json", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        request = service.http.build_request(
            "GET", "/openapi.json", headers={"Accept-Encoding": f"{encoding}, identity;q=0.5"}
        )
        answer = service.http.send(request, stream=True)
        raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == encoding
        assert "Accept-Encoding" in answer.headers["vary"]
        assert len(raw) < len(plain.content) / 4
        with pa.CompressedInputStream(pa.BufferReader(raw), encoding) as stream:
            assert stream.read() == plain.content

    def test_refused_encodings_are_not_used(self, service: Any) -> None:
        answer = service.http.get("/openapi.json", headers={"Accept-Encoding": "zstd;q=0"})
        assert "content-encoding" not in answer.headers

    def test_small_and_compressed_answers_stay(self, service: Any, forecast: Document) -> None:
        headers = {"Accept-Encoding": "gzip"}
        small = service.http.get("/healthz", headers=headers)
        parquet = service.http.get(
            f"/v1/forecasts/{forecast['id']}", params={"format": "parquet"}, headers=headers
        )
        for answer in (small, parquet):
            assert "content-encoding" not in answer.headers


def test_no_schema_of_a_result_is_an_untyped_object(service: Any) -> None:
    schemas = service.http.get("/openapi.json").json()["components"]["schemas"]
    for holder, member in (
        ("Leaderboard", "rows"),
        ("JobAudit", "audit"),
        ("Dataset", "inspection"),
        ("Model", "summary"),
    ):
        described = schemas[holder]["properties"][member]
        reference = described.get("$ref") or described["items"]["$ref"]
        assert schemas[reference.rsplit("/", 1)[1]]["properties"]
