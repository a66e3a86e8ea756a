"""A backtest as part of a job: asked for, made by the worker, read in every form, and removed."""

from io import BytesIO
from typing import Any

import pandas as pd
import pytest

from app.cli import main
from app.client import Client

Document = dict[str, Any]

PLAN = {"num_windows": 4, "step": 12}


@pytest.fixture(scope="module")
def job(service: Any, dataset_id: str) -> Document:
    made = service.finish(service.submit(dataset_id, backtest=PLAN)["id"])
    assert made["state"] == "succeeded", made
    return dict(made)


@pytest.fixture(scope="module")
def report(service: Any, job: Document) -> Document:
    answer = service.http.get(job["links"]["backtest"])
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def read(service: Any, job: Document, part: str) -> pd.DataFrame:
    answer = service.http.get(
        f"{job['links']['backtest']}/{part}",
        headers={"Accept": "application/vnd.apache.parquet"},
    )
    assert answer.status_code == 200, answer.text
    return pd.read_parquet(BytesIO(answer.content))


def test_the_report_says_what_was_forecast_and_how_well(report: Document, job: Document) -> None:
    assert report["job_id"] == job["id"]
    assert {k: report[k] for k in ("num_windows", "step", "windows", "series")} == {
        **PLAN,
        "windows": 4,
        "series": 1,
    }
    assert all(report["scores"][name] is not None for name in ("crps", "mase", "energy_score"))
    assert report["steps"]["step"] == list(range(1, 25))
    assert len(report["reliability"]["level"]) == len(report["reliability"]["pinball"]) == 99
    assert sum(report["pit"]["share"]) == pytest.approx(1)


def test_every_grain_tells_the_same(service: Any, job: Document, report: Document) -> None:
    windows = read(service, job, "windows")
    starts = windows["start"].sort_values()
    assert (starts.diff().dropna() == pd.Timedelta("12h")).all()
    # All windows have the same number of known values here.
    assert windows["crps"].mean() == pytest.approx(report["scores"]["crps"])
    assert pd.Series(report["steps"]["crps"]).mean() == pytest.approx(report["scores"]["crps"])
    assert read(service, job, "series")["crps"].tolist() == pytest.approx(
        [report["scores"]["crps"]]
    )


def test_forecasts_stand_beside_what_came(
    service: Any, job: Document, table: pd.DataFrame, report: Document
) -> None:
    found = read(service, job, "forecasts")
    assert len(found) == 4 * 24
    known = table.assign(
        timestamp=pd.to_datetime(table["timestamp"]).dt.tz_localize("Europe/Berlin")
    )
    joined = found.merge(known, on="timestamp")
    assert joined["target"].tolist() == pytest.approx(joined["load"].tolist())
    assert (found["origin"] <= found["timestamp"]).all()
    # The newest window ends with the last known value.
    assert found["timestamp"].max() == known.loc[known["load"].notna(), "timestamp"].max()
    error = (found["0.5"] - found["target"]).abs().mean()
    assert error == pytest.approx(report["scores"]["mae"])


def test_forms_and_conditions(service: Any, job: Document) -> None:
    url = f"{job['links']['backtest']}/windows"
    first = service.http.get(url)
    assert len(first.json()["columns"]["crps"]) == 4
    again = service.http.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    csv = service.http.get(url, params={"format": "csv"})
    assert csv.text.startswith("item_id,origin,start,known_steps,")
    assert csv.headers["content-disposition"].endswith('-backtest-windows.csv"')
    assert service.http.get(url, headers={"Accept": "image/png"}).status_code == 406
    sparse = service.http.get(job["links"]["backtest"], params={"fields": "scores"}).json()
    assert set(sparse) == {"scores"}


def test_its_electricity_is_told(service: Any, job: Document) -> None:
    phases = service.http.get(job["links"]["energy"]).json()["by_phase"]
    assert "backtest" in {part["phase"] for part in phases}
    trials = service.http.get(job["links"]["trials"]).json()["items"]
    assert "backtest" in {trial["name"] for trial in trials}


@pytest.mark.slow
def test_a_job_without_one_says_how_to_get_one(service: Any, finished_job: Document) -> None:
    assert finished_job["links"]["backtest"] is None
    answer = service.http.get(f"/v1/jobs/{finished_job['id']}/backtest")
    assert answer.status_code == 404
    assert "Run it again with `backtest`" in answer.json()["detail"]
    url = f"/v1/jobs/{finished_job['id']}/rerun"
    again = service.http.post(url, json={"config": {"backtest": {"num_windows": 2}}}).json()
    early = service.http.get(again["links"]["backtest"])
    assert early.status_code in (200, 409)  # it may have ended already
    service.finish(again["id"])
    assert service.http.get(again["links"]["backtest"]).json()["windows"] == 2
    assert service.http.delete(again["links"]["self"]).status_code == 204
    assert service.rows("SELECT job_id FROM backtest WHERE job_id = ?", again["id"]) == []


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"backtest": {}, "test_fraction": 0}, "`test_fraction` is 0"),
        ({"backtest": {"step": 3}, "issue_times": ["00:00"]}, "leave it out"),
        ({"backtest": {"num_windows": 0}}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(
    service: Any, dataset_id: str, config: Document, told: str
) -> None:
    answer = service.http.post("/v1/jobs", json={"dataset_id": dataset_id, "config": config})
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def test_client_and_command_line(
    service: Any, job: Document, tmp_path: Any, monkeypatch: Any, capsys: Any
) -> None:
    url = str(service.http.base_url)
    with Client(url) as client:
        assert client.backtest(job["id"]).windows == 4
        assert len(client.backtest_table(job["id"], "forecasts")) == 96
    file = tmp_path / "windows.csv"
    for arguments in ([], ["--json"], ["--table", "series"], ["--output", str(file)]):
        command = ["autopq", "jobs", "backtest", job["id"], "--url", url, *arguments]
        monkeypatch.setattr("sys.argv", command)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "energy_score" in printed
    assert '"first_origin"' in printed
    assert len(pd.read_csv(file)) == 4
