"""The command line against a really running service."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from app.cli.application import app
from app.cli.output import leaderboard_table
from app.core.schema import open_database
from app.core.storage import Storage
from app.jobs.results import LeaderboardEntry
from tests.app.furniture import LEADER, furnish

Run = Callable[..., Result]
Document = dict[str, Any]


@pytest.fixture
def run(service: Any) -> Run:
    """`autopq ARGUMENTS` against the shared service, in this process."""

    def invoke(*arguments: object) -> Result:
        runner = CliRunner(env={"AUTOPQ_URL": str(service.http.base_url)})
        return runner.invoke(app, [str(argument) for argument in arguments])

    return invoke


def meter_readings(rng: np.random.Generator) -> pd.DataFrame:
    """Quarter-hourly consumption of two meters in local wall-clock time, from before one clock
    change until after the next: an hour comes twice in October and is left out in March."""
    stamps = pd.date_range(
        "2024-10-24", "2025-04-01", freq="15min", tz="Europe/Berlin", inclusive="left"
    )
    hour = stamps.hour + stamps.minute / 60
    meters = []
    for name, level in (("north", 50.0), ("south", 90.0)):
        daily = 20 * np.sin((hour - 7) / 24 * 2 * np.pi)
        consumption = level + daily + rng.normal(0, 2, len(stamps))
        meters.append(
            pd.DataFrame(
                {
                    "meter": name,
                    "read_at": stamps.tz_localize(None).strftime("%Y-%m-%d %H:%M"),
                    "consumption": consumption.round(3),
                }
            )
        )
    return pd.concat(meters, ignore_index=True)


@pytest.mark.slow
def test_strange_table_goes_from_file_to_forecast_and_energy(service: Any, tmp_path: Path) -> None:
    file = tmp_path / "meters.csv"
    readings = meter_readings(np.random.default_rng(3))
    assert readings.duplicated(["meter", "read_at"]).sum() == 2 * 4  # the hour that comes twice
    readings.to_csv(file, index=False)

    def autopq(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from app.cli import main; main()", *map(str, arguments)],
            env={**os.environ, "AUTOPQ_URL": str(service.http.base_url)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    submitted = autopq(
        *("submit", file, "--target", "consumption", "--horizon", 96, "--lower", 0),
        *("--timestamp", "read_at", "--item-id", "meter", "--timezone", "Europe/Berlin"),
        *("--preset", "fast", "--forecasters", "seasonal_naive,lightgbm"),
        *("--quantile-models", "residual", "--json"),
    )
    job = json.loads(submitted)
    assert job["state"] == "succeeded"

    result = tmp_path / "forecast.parquet"
    autopq("forecast", job["id"], "--quantile-levels", "0.05,0.5,0.95", "--output", result)
    forecast = pd.read_parquet(result)
    assert list(forecast.columns) == ["item_id", "timestamp", "0.05", "0.5", "0.95"]
    for name, level in (("north", 50.0), ("south", 90.0)):
        rows = forecast[forecast["item_id"] == name]
        local = rows["timestamp"].dt.tz_convert("Europe/Berlin")
        expected = pd.date_range("2025-04-01", periods=96, freq="15min", tz="Europe/Berlin")
        assert list(local) == list(expected)
        assert (rows["0.05"] >= 0).all()
        assert (rows["0.05"] < rows["0.5"]).all()
        assert (rows["0.5"] < rows["0.95"]).all()
        # The daily course is found on the right side of both clock changes.
        hour = np.asarray(local.dt.hour + local.dt.minute / 60)
        course = level + 20 * np.sin((hour - 7) / 24 * 2 * np.pi)
        assert np.abs(rows["0.5"].to_numpy() - course).mean() < 3

    energy = json.loads(autopq("energy", job["id"], "--json"))
    assert energy["total"]["total_wh"] > 0
    assert {part["phase"] for part in energy["by_phase"]} >= {"select", "evaluate", "refit"}


@pytest.mark.slow
class TestFinishedJob:
    def test_status(self, run: Run, finished_job: Document) -> None:
        listed = run("status")
        assert finished_job["id"] in listed.stdout
        shown = run("status", finished_job["id"])
        assert shown.exit_code == 0
        assert finished_job["model_id"] in shown.stdout
        assert json.loads(run("status", finished_job["id"], "--json").stdout) == finished_job

    def test_leaderboard(self, run: Run, finished_job: Document) -> None:
        printed = run("leaderboard", finished_job["id"]).stdout
        rows = json.loads(run("leaderboard", finished_job["id"], "--json").stdout)["rows"]
        assert "seasonal_naive+residual" in printed
        for row in rows:
            assert row["name"] in printed

    def test_forecast_as_csv_json_and_file(
        self, run: Run, finished_job: Document, tmp_path: Path
    ) -> None:
        arguments = ("forecast", finished_job["id"], "--quantile-levels", "0.9,0.1")
        printed = pd.read_csv(io.StringIO(run(*arguments).stdout))
        assert list(printed.columns) == ["item_id", "timestamp", "0.1", "0.9"]
        assert len(printed) == 24
        as_json = json.loads(run(*arguments, "--json").stdout)
        assert [row["0.9"] for row in as_json] == pytest.approx(list(printed["0.9"]))
        file = tmp_path / "forecast.csv"
        done = run("forecast", finished_job["model_id"], *arguments[2:], "--output", file)
        assert done.stdout == ""
        assert pd.read_csv(file)["0.9"].to_list() == pytest.approx(printed["0.9"].to_list())

    def test_forecast_from_new_rows(
        self, run: Run, finished_job: Document, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        history, future = tmp_path / "history.csv", tmp_path / "future.parquet"
        table.iloc[:-72].to_csv(history, index=False)
        table.iloc[-72:-48][["timestamp", "temperature"]].to_parquet(future)
        arguments = ("forecast", finished_job["id"], "--history", history)
        done = run(*arguments, "--future-covariates", future)
        rows = pd.read_csv(io.StringIO(done.stdout))
        first = pd.Timestamp(rows["timestamp"][0]).tz_localize(None)
        assert first == pd.Timestamp(table["timestamp"].iloc[-72])
        refused = run(*arguments)
        assert refused.exit_code == 1
        assert "temperature" in refused.stderr

    def test_energy(self, run: Run, finished_job: Document) -> None:
        printed = run("energy", finished_job["id"]).stdout
        assert "quantiles" in printed
        assert "estimated" in printed
        assert "RAM dimm_model" in printed
        trials = run("energy", finished_job["id"], "--trials").stdout
        parts = json.loads(run("energy", finished_job["id"], "--json").stdout)["by_trial"]
        named = [part for part in parts if part["trial"]]
        assert "seasonal_naive" in {part["forecaster"] for part in named}
        for part in named:
            assert f"{part['phase']}: {part['trial']}" in trials
        summary = json.loads(run("energy", "--group-by", "forecaster", "--json").stdout)
        assert "seasonal_naive" in {group["key"] for group in summary["groups"]}

    def test_a_level_outside_is_refused_with_its_field(
        self, run: Run, finished_job: Document
    ) -> None:
        refused = run("forecast", finished_job["id"], "--quantile-levels", "0.5,1.5")
        assert refused.exit_code == 1
        assert refused.stdout == ""
        assert "quantile_levels: level 1.5 is outside (0, 1)" in refused.stderr

    def test_a_finished_job_cannot_be_cancelled(self, run: Run, finished_job: Document) -> None:
        refused = run("cancel", finished_job["id"])
        assert refused.exit_code == 1
        assert "409" in refused.stderr

    def test_progress_is_a_bar_on_a_terminal(self, service: Any, finished_job: Document) -> None:
        screen, terminal = pty.openpty()
        arguments = ["status", finished_job["id"], "--wait", "--url", str(service.http.base_url)]
        done = subprocess.run(
            [sys.executable, "-c", "from app.cli import main; main()", *arguments],
            env={**os.environ, "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
        )
        os.close(terminal)
        shown = os.read(screen, 100_000).decode()
        os.close(screen)
        assert done.returncode == 0
        assert "100%" in shown
        assert "━" in shown
        assert "━" not in done.stdout


class TestRefusals:
    def test_unknown_column_names_field_and_mend(
        self, run: Run, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        file = tmp_path / "load.csv"
        table.to_csv(file, index=False)
        refused = run("submit", file, "--target", "laod")
        assert refused.exit_code == 1
        assert "target: the table has no column 'laod'" in refused.stderr
        assert "Choose one of" in refused.stderr

    def test_a_faulty_cell_names_its_row(
        self, run: Run, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        file = tmp_path / "load.csv"
        faulty = table.astype({"load": object})
        faulty.loc[faulty.index[6], "load"] = "n.v."
        faulty.to_csv(file, index=False)
        refused = run("submit", file, "--target", "load")
        assert refused.exit_code == 1
        assert "load, row 7" in refused.stderr

    def test_a_job_that_is_cancelled_ends_with_its_own_code(
        self, run: Run, service: Any, table: pd.DataFrame
    ) -> None:
        job = service.submit(service.upload(table), preset="default")
        cancelled = run("cancel", job["id"])
        assert cancelled.exit_code == 0
        assert job["id"] in cancelled.stdout
        followed = run("status", job["id"], "--wait")
        assert followed.exit_code == 3
        assert "cancelled" in followed.stdout
        assert run("forecast", job["id"]).exit_code == 3

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["status", "job_unknown"], 1, "There is no job"),
            (["submit", "missing.csv", "--target", "load"], 2, "missing.csv"),
            (["forecast", "mdl", "--output", "table.xlsx"], 2, ".csv or .parquet"),
            (["forecast", "mdl", "--quantile-levels", "a,b"], 2, "no list of numbers"),
            (["status", "--url", "http://127.0.0.1:1"], 4, "autopq serve"),
        ],
    )
    def test_exit_codes(self, run: Run, arguments: list[str], code: int, message: str) -> None:
        done = run(*arguments)
        assert done.exit_code == code
        assert message in done.stderr
        assert done.stdout == ""


def test_setting_that_cannot_be_used_is_named() -> None:
    runner = CliRunner(env={"AUTOPQ_MAX_ROWS": "many"})
    result = runner.invoke(app, ["serve", "--port", "70000"])
    assert result.exit_code == 2
    assert "AUTOPQ_MAX_ROWS" in result.output
    assert "AUTOPQ_PORT" in result.output


def test_every_choice_of_a_task_reaches_the_job(
    run: Run, service: Any, table: pd.DataFrame, tmp_path: Path
) -> None:
    file = tmp_path / "load.csv"
    table.to_csv(file, index=False)
    options = ["--holidays", "DE-BW", "--test-fraction", 0.1, "--no-refit", "--no-wait"]
    result = run("submit", file, "--target", "load", "--preset", "fast", *options, "--json")
    assert result.exit_code == 0, result.output
    job = json.loads(result.stdout)
    service.http.post(job["links"]["cancel"])
    config = job["config"]
    assert (config["holidays"], config["test_fraction"], config["refit"]) == ("DE-BW", 0.1, False)


@pytest.mark.slow
def test_every_resource_has_its_verbs(
    run: Run, table: pd.DataFrame, finished_job: Document, forecast: Document, tmp_path: Path
) -> None:
    first, rest = tmp_path / "first.csv", tmp_path / "rest.csv"
    table.iloc[:-5].to_csv(first, index=False)
    table.iloc[-5:].to_csv(rest, index=False)

    def done(*arguments: object) -> str:
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    dataset = json.loads(done("datasets", "upload", first, "--name", "cli", "--json"))["id"]
    assert dataset in done("datasets", "list", "--name", "cli")
    assert "temperature" in done("datasets", "show", dataset)
    assert json.loads(done("datasets", "append", dataset, rest, "--json"))[0]["added"] == 5
    assert len(json.loads(done("datasets", "versions", dataset, "--json"))) == 2
    done("datasets", "delete", dataset)
    assert run("datasets", "show", dataset).exit_code == 1

    assert finished_job["id"] in done("jobs", "list", "--state", "succeeded")
    assert json.loads(done("jobs", "show", finished_job["id"], "--json"))["state"] == "succeeded"
    model = finished_job["model_id"]
    assert model in done("models", "list")
    assert json.loads(done("models", "promote", model, "cli", "--json"))["aliases"] == ["cli"]
    assert model in done("models", "list", "--alias", "cli")
    done("models", "download", model, "--output", tmp_path / "model.zip")
    assert (tmp_path / "model.zip").read_bytes().startswith(b"PK")
    assert forecast["id"] in done("forecasts", "list", "--model", model)
    shown = done("forecasts", "show", forecast["id"], "--quantile-levels", "0.5")
    assert shown.startswith("item_id,timestamp,0.5")
    peaks = done("forecasts", "aggregate", forecast["id"], "--measure", "max")
    assert peaks.startswith("item_id,start,end,steps,")


def test_written_csv_is_safe_in_a_spreadsheet(serving: Callable[..., Any], tmp_path: Path) -> None:
    """Numbers keep their sign, and Parquet the names as they are."""
    with serving(tmp_path / "data", ready=False, supervise=False) as service:
        database = open_database(service.database_url)
        job_id = furnish(database, Storage(service.data_dir), "default", "default")["job_id"]
        database.close()
        runner = CliRunner(env={"AUTOPQ_URL": str(service.http.base_url)})
        found = []
        for kind in ("csv", "parquet"):
            file = tmp_path / f"windows.{kind}"
            done = runner.invoke(app, ["jobs", "backtest", job_id, "--output", str(file)])
            assert done.exit_code == 0, done.output
            read = pd.read_csv(file) if kind == "csv" else pd.read_parquet(file)
            found.append(read["item_id"].to_list())
        printed = runner.invoke(app, ["jobs", "backtest", job_id, "--table", "windows"]).stdout
    assert found == [["'=series"], ["=series"]]
    assert "'=series" in printed


@pytest.mark.parametrize(
    ("told", "noted"),
    [
        ({}, "reference"),
        ({"details": {"simple_row": "a simple row is kept"}}, "a simple row is kept"),
        ({"not_recommended": "too narrow", "details": {"simple_row": "kept"}}, "too narrow"),
        ({"reference": False}, ""),
    ],
)
def test_a_row_of_the_leaderboard_notes_what_matters_most(told: Document, noted: str) -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(leaderboard_table([LeaderboardEntry.model_validate(LEADER | told)]))
    printed = console.file.getvalue()
    assert noted in printed
    assert ("reference" in printed) == (noted == "reference")
