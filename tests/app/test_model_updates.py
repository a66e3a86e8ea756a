"""A model is taken to the newer rows of its dataset by a job without a search."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.client import Client

pytestmark = pytest.mark.slow

Document = dict[str, Any]

NEW = 3 * 24  # rows


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, serving: Any) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("updates")) as service:
        yield service


@pytest.fixture(scope="module")
def first(house: Any, table: pd.DataFrame) -> Document:
    """A job on all rows but those of the last days."""
    dataset_id = house.upload(table.iloc[: -NEW - 24])
    body = {
        "dataset_id": dataset_id,
        "model_name": "berlin",
        # A limit is one of searches, and an update has none.
        "config": house.config | {"known_covariates": [], "max_trials": 0, "time_limit": 600},
    }
    job = house.finish(house.http.post("/v1/jobs", json=body).raise_for_status().json()["id"])
    assert job["state"] == "succeeded", job
    return dict(job)


def test_without_newer_rows_there_is_nothing_to_do(house: Any, first: Document) -> None:
    answer = house.http.post(f"/v1/models/{first['model_id']}/updates", json={})
    job = house.finish(answer.raise_for_status().json()["id"])
    assert job["state"] == "failed"
    assert "no row is newer" in job["error"]["errors"][0]["detail"], job["error"]
    assert house.http.get("/v1/models/berlin@latest").json()["id"] == first["model_id"]


def test_the_next_version_knows_the_rows_that_were_appended(
    house: Any, first: Document, table: pd.DataFrame
) -> None:
    newer = table.iloc[-NEW - 24 : -24][["timestamp", "load", "temperature"]]
    house.http.post(
        f"/v1/datasets/{first['dataset_id']}/rows",
        content=newer.to_csv(index=False),
        headers={"Content-Type": "text/csv"},
    ).raise_for_status()
    with Client(str(house.http.base_url)) as client:
        queued = client.update_model("berlin@latest", priority=3)
        assert queued.update_of == first["model_id"]
        job = house.finish(queued.id)
        assert job["state"] == "succeeded", job
        model = client.model("berlin@latest")
    assert (model.id, model.version, model.dataset_version) == (job["model_id"], 2, 2)
    (row,) = house.http.get(job["links"]["leaderboard"]).json()["rows"]
    told = row["details"]["update"]
    assert (told["new_rows"], row["chosen"]) == (NEW, True)
    assert told["refitted"] + told["kept"]
    assert row["test"]["mean_pinball"] > 0  # of the first one, on what it had not seen
    phases = house.http.get(job["links"]["energy"]).json()["by_phase"]
    assert {"evaluate", "refit"} <= {phase["phase"] for phase in phases}

    def begins(model_id: str) -> pd.Timestamp:
        forecast = house.forecast(model_id, paths=5)
        url = f"/v1/forecasts/{forecast['id']}"
        return pd.Timestamp(house.http.get(url).json()["columns"]["timestamp"][0])

    assert begins(job["model_id"]) - begins(first["model_id"]) == pd.Timedelta(hours=NEW)
    # Repeating it is another update, with nothing to change about it.
    answer = house.http.post(job["links"]["rerun"], json={"config": {"horizon": 6}})
    assert answer.status_code == 422
    again = house.http.post(job["links"]["rerun"], json={}).raise_for_status().json()
    assert again["update_of"] == first["model_id"]
    house.finish(again["id"])


def test_a_model_that_is_deleted_meanwhile_is_named(
    house: Any, first: Document, tmp_path: Path
) -> None:
    busy = house.submit(first["dataset_id"], **house.long_config)
    house.until(lambda: house.job(busy["id"])["state"] == "running", "a job that is in the way")
    url = f"/v1/models/{first['model_id']}"
    update = house.http.post(f"{url}/updates", json={}).raise_for_status().json()
    assert house.http.delete(url).status_code == 204
    house.http.post(busy["links"]["cancel"])
    job = house.finish(update["id"])
    assert job["state"] == "failed"
    assert first["model_id"] in job["error"]["detail"]
    assert "deleted" in job["error"]["detail"]
