"""Upload, job, forecast and electricity through a really running service."""

import io
from typing import Any

import pandas as pd
import pytest

Document = dict[str, Any]

pytestmark = pytest.mark.slow


class TestJob:
    def test_is_complete_and_linked(self, service: Any, finished_job: Document) -> None:
        assert finished_job["progress"] == 1.0
        assert finished_job["attempt"] == 1
        assert finished_job["error"] is None
        assert finished_job["links"]["backtest"] is None  # none was asked for
        for link in filter(None, finished_job["links"].values()):
            if not link.endswith(("/cancel", "/rerun", "/forecasts")):
                assert service.http.get(link).status_code == 200, link

    def test_leaderboard_is_ranked(self, service: Any, finished_job: Document) -> None:
        rows = service.http.get(finished_job["links"]["leaderboard"]).json()["rows"]
        scores = [row["validation"]["mean_pinball"] for row in rows if not row["error"]]
        assert scores == sorted(scores)
        assert all(row["seconds"] > 0 and row["energy_wh"] > 0 for row in rows)

    def test_importance_of_the_inputs_comes_with_the_model(
        self, service: Any, finished_job: Document
    ) -> None:
        found = service.http.get(f"/v1/models/{finished_job['model_id']}/importance").json()
        assert found["model_id"] == finished_job["model_id"]
        groups = {group["group"]: group for group in found["groups"]}
        assert set(groups) == {"history", "calendar", "temperature"}
        # The seasonal naive forecaster looks at the past alone.
        assert groups["history"]["increase"] > 0
        assert groups["temperature"]["increase"] == 0

    def test_cannot_be_cancelled_any_more(self, service: Any, finished_job: Document) -> None:
        answer = service.http.post(finished_job["links"]["cancel"])
        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"


class TestForecast:
    def test_any_level_is_read_from_the_stored_grid(
        self, service: Any, forecast: Document, table: pd.DataFrame
    ) -> None:
        url = f"/v1/forecasts/{forecast['id']}"
        answer = service.http.get(url, params={"quantile_levels": "0.9,0.123,0.5"}).json()
        assert answer["quantile_levels"] == [0.123, 0.5, 0.9]
        columns = answer["columns"]
        assert len(columns["timestamp"]) == 24
        assert pd.Timestamp(columns["timestamp"][-1]).tz_convert("Europe/Berlin").tz_localize(
            None
        ) == pd.Timestamp(table["timestamp"].iloc[-1])
        for low, middle, high in zip(columns["0.123"], columns["0.5"], columns["0.9"], strict=True):
            assert low <= middle <= high
        assert answer["energy"]["total_wh"] > 0

    def test_levels_closer_than_their_names_are_one(self, service: Any, forecast: Document) -> None:
        query = {"quantile_levels": "0.12345671,0.12345672", "format": "parquet"}
        answer = service.http.get(f"/v1/forecasts/{forecast['id']}", params=query)
        assert list(pd.read_parquet(io.BytesIO(answer.content)).columns)[2:] == ["0.123457"]

    def test_formats_agree(self, service: Any, forecast: Document) -> None:
        url = f"/v1/forecasts/{forecast['id']}"
        by_json = pd.DataFrame(service.http.get(url).json()["columns"])
        by_csv = pd.read_csv(
            io.BytesIO(service.http.get(url, headers={"Accept": "text/csv"}).content)
        )
        by_parquet = pd.read_parquet(
            io.BytesIO(service.http.get(url, params={"format": "parquet"}).content)
        )
        levels = [name for name in by_json.columns if name not in ("item_id", "timestamp")]
        assert len(levels) == 15
        pd.testing.assert_frame_equal(by_json[levels], by_csv[levels])
        pd.testing.assert_frame_equal(by_json[levels], by_parquet[levels])

    def test_paths_are_joint_draws(self, service: Any, forecast: Document) -> None:
        paths = service.http.get(f"/v1/forecasts/{forecast['id']}/paths").json()
        assert len(paths["values"]) == len(paths["item_ids"]) == 1
        assert len(paths["values"][0]) == 50
        assert {len(path) for path in paths["values"][0]} == {24}

    def test_new_rows_move_the_present(
        self, service: Any, finished_job: Document, table: pd.DataFrame
    ) -> None:
        known = table.iloc[:-72]
        future = table.iloc[-72:-48][["timestamp", "temperature"]]
        columns = {
            name: [str(value) for value in future[name]]
            if name == "timestamp"
            else list(future[name])
            for name in future.columns
        }
        found = service.forecast(
            finished_job["model_id"],
            history={"dataset_id": service.upload(known)},
            future_covariates={"columns": columns},
        )
        assert found["state"] == "succeeded", found
        rows = service.http.get(f"/v1/forecasts/{found['id']}").json()["columns"]
        first = pd.Timestamp(rows["timestamp"][0]).tz_localize(None)
        assert first == pd.Timestamp(future["timestamp"].iloc[0])


class TestEnergy:
    def test_groupings_add_up_to_the_total(self, service: Any, finished_job: Document) -> None:
        energy = service.http.get(finished_job["links"]["energy"]).json()
        total = energy["total"]["total_mj"]
        assert total > 0
        for grouping in ("by_phase", "by_trial", "by_attempt", "by_training_method"):
            assert sum(part["total_mj"] for part in energy[grouping]) == total
        assert {"select", "quantiles"} <= {part["phase"] for part in energy["by_phase"]}
        assert any(part["trial"] for part in energy["by_trial"])
        assert energy["total"]["kg_co2e"] > 0

    def test_every_figure_says_how_it_was_obtained(
        self, service: Any, finished_job: Document
    ) -> None:
        energy = service.http.get(finished_job["links"]["energy"]).json()
        for figures in (energy["total"], *energy["by_phase"]):
            assert figures["sources"]
            assert figures["measured"] == all(source["measured"] for source in figures["sources"])

    @pytest.mark.parametrize("group_by", ["day", "forecaster", "training_method"])
    def test_summary_covers_jobs_and_forecasts(
        self, service: Any, forecast: Document, group_by: str
    ) -> None:
        summary = service.http.get("/v1/energy", params={"group_by": group_by}).json()
        parts = sum(group["total_mj"] for group in summary["groups"])
        assert parts == summary["total"]["total_mj"]
        assert parts > 0
