"""Uploads in every form, lists page by page, exports and the supervisor's role."""

import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from app.core import migrations
from app.core.database import Database
from app.core.schema import open_database
from app.core.storage import Storage
from app.engine.lease import Lease
from app.engine.processes import handle_of
from app.forecasts import export
from autopq.forecast import Forecast


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'autopq.sqlite3'}")
    migrations.upgrade(opened.engine)
    yield opened
    opened.close()


class TestUpload:
    @staticmethod
    def bodies(table: pd.DataFrame) -> dict[str, bytes]:
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        parquet, stream = io.BytesIO(), pa.BufferOutputStream()
        table.to_parquet(parquet)
        with pa.ipc.new_stream(stream, arrow.schema) as writer:
            writer.write_table(arrow)
        return {
            "text/csv": table.to_csv(index=False).encode(),
            "application/vnd.apache.parquet": parquet.getvalue(),
            "application/vnd.apache.arrow.stream": stream.getvalue().to_pybytes(),
        }

    def test_formats_are_the_same_table(self, service: Any, table: pd.DataFrame) -> None:
        for media_type, body in self.bodies(table).items():
            headers = {"Content-Type": media_type}
            answer = service.http.post("/v1/datasets", content=body, headers=headers)
            assert answer.status_code == 201, answer.text
            dataset = service.http.get(answer.headers["location"]).json()
            assert (dataset["rows"], dataset["media_type"]) == (len(table), media_type)
            assert dataset["inspection"]["timestamp"] == "timestamp"
            assert dataset["size_bytes"] == len(body)

    def test_form_and_raw_body_store_the_same_bytes(
        self, service: Any, table: pd.DataFrame
    ) -> None:
        for media_type, body in self.bodies(table).items():
            raw = service.http.post(
                "/v1/datasets", content=body, headers={"Content-Type": media_type}
            ).json()
            files = {"note": (None, "ignored"), "file": ("table.bin", body, media_type)}
            form = service.http.post("/v1/datasets", files=files).json()
            assert (form["sha256"], form["media_type"]) == (raw["sha256"], raw["media_type"])


class TestLists:
    def test_pages_hold_everything_once(self, service: Any) -> None:
        body = {"content": b"timestamp,y\n2024-01-01,1\n", "headers": {"Content-Type": "text/csv"}}
        made = [service.http.post("/v1/datasets", **body).json()["id"] for _ in range(5)]
        seen, cursor = [], None
        while True:
            query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = service.http.get("/v1/datasets", params=query).json()
            seen += [row["id"] for row in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == sorted(set(seen), reverse=True)
        assert set(made) <= set(seen)

    def test_jobs_by_state(self, service: Any, finished_job: dict[str, Any]) -> None:
        found = service.http.get("/v1/jobs", params={"state": "succeeded"}).json()["items"]
        assert finished_job["id"] in [job["id"] for job in found]
        assert {job["state"] for job in found} == {"succeeded"}


class TestExport:
    @pytest.fixture
    def forecast(self) -> Forecast:
        names = ("=1+1", "@cmd", "-x", "plain", "＝1")
        stamps = np.arange("2024-01-01T00", "2024-01-01T02", dtype="datetime64[h]")
        return Forecast(
            target="load",
            item_ids=names,
            timestamps=np.tile(stamps.astype("datetime64[ns]"), (5, 1)),
            timezone="UTC",
            levels=np.array([0.1, 0.9]),
            quantiles=np.full((5, 2, 2), -1.0),
            paths=np.empty((5, 0, 2), np.float32),
        )

    @pytest.fixture
    def frame(self, forecast: Forecast) -> pd.DataFrame:
        return forecast.to_frame([0.1, 0.9])

    @pytest.mark.parametrize("timezone", [None, "Europe/Berlin"])
    def test_columns_are_those_of_the_table(self, forecast: Forecast, timezone: str | None) -> None:
        forecast = replace(forecast, timezone=timezone)
        forecast.quantiles[1, 1] = np.nan
        levels = [0.1, 0.35, 0.9]
        found = export.quantile_columns(forecast, levels)
        assert found == export.columns(forecast.to_frame(levels))
        assert found["0.35"][3] is None

    def test_csv_is_safe_in_a_spreadsheet(self, frame: pd.DataFrame) -> None:
        read = pd.read_csv(io.BytesIO(export.csv(frame)))
        assert list(read["item_id"].unique()) == ["'=1+1", "'@cmd", "'-x", "plain", "'＝1"]
        assert (read["0.1"] == -1.0).all()  # numbers keep their sign

    def test_parquet_keeps_names_as_they_are(self, frame: pd.DataFrame) -> None:
        read = pd.read_parquet(io.BytesIO(export.parquet(frame)))
        assert list(read["item_id"].unique()) == ["=1+1", "@cmd", "-x", "plain", "＝1"]


class TestLease:
    def test_one_holder_until_it_expires(self, database: Database) -> None:
        mine = Lease(database, seconds=60)
        assert mine.hold()
        with database.write() as session:
            row = session.connection().exec_driver_sql("SELECT holder FROM supervisor_lease")
            holder = row.scalar_one()
            other = holder.replace("@", "@another-")
            session.connection().exec_driver_sql("UPDATE supervisor_lease SET holder = ?", (other,))
        late = Lease(database, seconds=60)
        assert not late.hold()
        with database.write() as session:
            session.connection().exec_driver_sql(
                "UPDATE supervisor_lease SET expires_at = '2000-01-01 00:00:00.000000'"
            )
        assert late.hold()

    def test_a_dead_holder_on_this_machine_is_followed_at_once(self, database: Database) -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        handle = handle_of(child.pid)
        lease = Lease(database, seconds=3600)
        assert lease.hold()
        with database.write() as session:
            session.connection().exec_driver_sql(
                "UPDATE supervisor_lease SET holder = ? || substr(holder, instr(holder, '@'))",
                (handle,),
            )
        follower = Lease(database, seconds=3600)
        assert not follower.hold()
        child.communicate(b"\n")
        assert follower.hold()

    def test_released(self, database: Database) -> None:
        first, second = Lease(database, 60), Lease(database, 60)
        assert first.hold()
        first.release()
        assert second.hold()


class TestNames:
    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "*", "[a]", "a\0", "ä"])
    def test_what_is_no_id_becomes_no_path(self, tmp_path: Path, name: str) -> None:
        storage = Storage(tmp_path)
        for make in (
            lambda: storage.dataset(name, 1),
            lambda: storage.dataset(name, 2),
            lambda: storage.forecast(f"{name}/", 1),
            lambda: storage.inline_table(f"{name}/", "history"),
            lambda: storage.attempt_model(f"{name}/", 1),
            lambda: storage.log(f"{name}/"),
            lambda: storage.discard_dataset(name, 1),
            lambda: storage.discard_forecast(name, 1),
            lambda: storage.discard_attempt(name, 1),
        ):
            with pytest.raises(ValueError, match="no name"):
                make()
