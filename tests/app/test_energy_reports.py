"""Groups, filters, CSV and pages of the electricity of jobs and forecasts."""

import csv
import io
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.core.schema import open_database
from app.core.storage import Storage
from tests.app.furniture import furnish

Document = dict[str, Any]

pytestmark = pytest.mark.slow

GROUPINGS = ["day", "dataset", "forecaster", "training_method", "preset", "job"]


def settle(service: Any) -> None:
    """Wait for the end of what other tests left at work: compared sums must stand still."""

    def still() -> bool:
        before = service.http.get("/v1/energy").json()["total"]
        time.sleep(1)
        return bool(service.http.get("/v1/energy").json()["total"] == before)

    service.until(still, "energy that stands still")


class TestSummary:
    @pytest.mark.parametrize("group_by", GROUPINGS)
    def test_groups_are_the_total(self, service: Any, forecast: Document, group_by: str) -> None:
        found = service.http.get("/v1/energy", params={"group_by": group_by}).json()
        assert sum(g["total_mj"] for g in found["groups"]) == found["total"]["total_mj"]
        for part in ("cpu_wh", "idle_wh", "gpu_wh", "ram_wh", "total_wh", "kg_co2e", "cost"):
            parts = sum(group[part] for group in found["groups"])
            assert parts == pytest.approx(found["total"][part], rel=1e-9), part
        assert found["total"]["total_wh"] > 0
        assert found["total"]["low_wh"] < found["total"]["total_wh"] < found["total"]["high_wh"]

    def test_a_forecast_counts_with_the_dataset_of_its_model(
        self, service: Any, forecast: Document, finished_job: Document
    ) -> None:
        settle(service)

        def of(**query: str) -> float:
            found = service.http.get("/v1/energy", params=query).json()
            return float(found["total"]["total_wh"])

        alone = service.http.get(finished_job["links"]["energy"]).json()["total"]["total_wh"]
        assert of(job=finished_job["id"]) > alone
        assert of(dataset=finished_job["dataset_id"]) >= of(job=finished_job["id"])
        assert of(dataset="ds_none") == 0
        groups = service.http.get("/v1/energy", params={"group_by": "preset"}).json()["groups"]
        for group in groups:
            if group["key"] is not None:  # that of deleted jobs has none
                assert of(preset=group["key"]) == group["total_wh"]
        assert {"default", "fast"} & {group["key"] for group in groups}
        today = datetime.now(UTC).date().isoformat()
        assert of(until="2020-01-01") == 0
        assert of(since="2020-01-01", until=today) <= of()

    def test_csv_says_the_same(self, service: Any, forecast: Document) -> None:
        settle(service)
        query = {"group_by": "preset"}
        found = service.http.get("/v1/energy", params=query).json()
        answer = service.http.get("/v1/energy", params=query | {"format": "csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        lines = list(csv.DictReader(io.StringIO(answer.text)))
        keys = [group["key"] or "" for group in found["groups"]]
        assert [line["preset"] for line in lines] == keys
        assert float(lines[0]["total_wh"]) == found["groups"][0]["total_wh"]
        assert lines[0]["currency"] == "EUR"

    @pytest.mark.parametrize(
        "query", [{"since": "yesterday"}, {"group_by": "colour"}, {"format": "pdf"}]
    )
    def test_unusable_queries_are_refused(self, service: Any, query: dict[str, str]) -> None:
        answer = service.http.get("/v1/energy", params=query)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == next(iter(query))


def test_carbon_and_cost_follow_from_the_watt_hours(
    serving: Callable[..., Any], tmp_path: Path
) -> None:
    settings = {"ready": False, "supervise": False, "electricity_price": 0.25}
    with serving(tmp_path / "data", **settings) as service:
        database = open_database(service.database_url)
        # One millijoule, at one gram a kilowatt-hour.
        job_id = furnish(database, Storage(service.data_dir), "default", "default")["job_id"]
        database.close()
        total = service.http.get(f"/v1/jobs/{job_id}/energy").json()["total"]
    kwh = 1e-3 / 3.6e6
    assert total["total_wh"] == pytest.approx(1000 * kwh, rel=1e-9, abs=0)
    assert total["kg_co2e"] == pytest.approx(kwh / 1000, rel=1e-9, abs=0)
    assert total["cost"] == pytest.approx(0.25 * kwh, rel=1e-9, abs=0)


def test_a_machine_is_split_and_a_month_is_bounded(make_service: Any, table: Any) -> None:
    service = make_service(max_energy_wh_per_month=1e-6)
    dataset_id = service.upload(table)
    service.finish(service.submit(dataset_id)["id"])
    service.until(
        lambda: service.http.get("/v1/energy/machines").json()["days"], "the end of an attempt"
    )
    for day in service.http.get("/v1/energy/machines").json()["days"]:
        kinds = ("attempts_wh", "forecasts_wh", "service_wh", "rest_wh")
        assert sum(day[kind] for kind in kinds) == pytest.approx(day["total_wh"], rel=1e-9)
        assert day["attempts_wh"] > 0
        assert day["service_wh"] > 0
        assert day["rest_wh"] > 0
        assert day["seconds"] > 0

    # The quota of the month is used up by then.
    usage = service.http.get("/v1/usage").json()["energy_wh_this_month"]
    assert usage["used"] > usage["limit"] == 1e-6
    body = {"dataset_id": dataset_id, "config": service.config}
    refused = service.http.post("/v1/jobs", json=body)
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/quota-exceeded"
    assert "1e-06 Wh" in refused.json()["detail"]


def test_a_job_tells_what_its_accuracy_cost(service: Any, finished_job: Document) -> None:
    url = f"{finished_job['links']['energy']}/worth"
    found = service.http.get(url, params={"within": 10, "value": 0.01}).json()
    assert found["part"] == "test"
    assert [c for c in found["candidates"] if c["on_front"]]
    assert found["front"] == sorted(found["front"], key=lambda c: c["energy_wh"])
    scores = [c["score"] for c in found["front"]]
    assert scores == sorted(scores, reverse=True)
    assert len(found["steps"]) == len(found["front"]) - 1
    assert found["cheapest_within"]["energy_wh"] == min(
        c["energy_wh"] for c in found["candidates"] if c["score"] <= 11 * min(scores)
    )
    assert service.http.get(url, params={"within": -1}).status_code == 422


PAGES = ["{energy}/report", "{energy}/report?value=0.01", "/v1/energy/report"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_nothing_and_names_its_sources(
    service: Any, finished_job: Document, page: str
) -> None:
    answer = service.http.get(page.format(**finished_job["links"]))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    html = answer.text
    assert not re.search(r"(src|href)=|@import|url\(|<script", html)
    assert "CO₂e" in html
    assert "EUR" in html
    assert "g CO₂e/kWh" in html
    assert "estimated in part" in html
    if "jobs" in page:
        assert finished_job["id"] in html


def test_figures_of_a_column_have_one_number_of_decimals(
    service: Any, finished_job: Document
) -> None:
    page = service.http.get(f"{finished_job['links']['energy']}/report").text
    phases = page[page.index("<h2>Phase</h2>") : page.index("</table>")]
    totals = [unescape(cell) for cell in re.findall(r"<td><b>([^<]*)</b></td>", phases)]
    told = [total.removeprefix("< ") for total in totals if total != "0"]
    assert len(told) > 3
    assert len({len(total.partition(".")[2]) for total in told}) == 1


def test_a_job_names_its_dataset_and_its_limit(make_service: Any, table: pd.DataFrame) -> None:
    service = make_service()  # a page has room for some datasets
    uploaded = service.http.post(
        "/v1/datasets",
        params={"name": "Plant 7 & 8"},
        content=table.to_csv(index=False),
        headers={"Content-Type": "text/csv"},
    )
    job = service.submit(uploaded.json()["id"], energy_limit_wh=1.0)
    assert service.finish(job["id"])["state"] == "succeeded"
    html = service.http.get(f"/v1/jobs/{job['id']}/energy/report").text
    assert "Plant 7 &amp; 8" in html
    assert re.search(r"Limit\s*<b>1 Wh</b>", html)
    month = service.http.get("/v1/energy/report").text
    assert "Plant 7 &amp; 8" in month


def test_a_month_without_work_has_an_empty_page(service: Any) -> None:
    answer = service.http.get("/v1/energy/report", params={"month": "2020-02"})
    assert answer.status_code == 200
    assert "February 2020" in answer.text
    assert "Nothing was metered" in answer.text
    assert service.http.get("/v1/energy/report", params={"month": "2020-13"}).status_code == 422


def test_pages_show_names_as_text(service: Any, dataset_id: str) -> None:
    answer = service.http.get("/v1/jobs/<script>/energy/report")
    assert answer.status_code == 404
    assert "<script>" not in answer.text or answer.headers["content-type"].startswith(
        "application/problem+json"
    )
