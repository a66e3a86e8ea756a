"""Secrets come from files, and a process may have one of the two halves of the service."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from app.settings import Settings

ADDRESS = "postgresql://autopq@db.example.org/autopq"
SECRET = "p@ss/wörd:%41"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    return file


class TestPasswordFile:
    def test_addresses_without_a_password_get_it(self, password_file: Path) -> None:
        settings = Settings(
            database_url=ADDRESS,
            trials_database_url=f"{ADDRESS}_trials?application_name=x",
            database_password_file=password_file,
        )
        trials = settings.resolved_trials_database_url
        assert trials is not None
        assert make_url(settings.resolved_database_url).password == SECRET
        assert make_url(trials).password == SECRET
        assert make_url(trials).query == {"application_name": "x"}
        assert make_url(trials).drivername == "postgresql+psycopg"

    def test_workers_are_told_the_file_alone(self, password_file: Path) -> None:
        settings = Settings(database_url=ADDRESS, database_password_file=password_file)
        handed_on = settings.as_environment()
        assert handed_on["AUTOPQ_DATABASE_PASSWORD_FILE"] == str(password_file)
        told = f"{handed_on} {settings.effective()} {settings!r}"
        assert SECRET not in told
        assert "%2F" not in told

    def test_it_is_read_anew(self, password_file: Path) -> None:
        settings = Settings(database_url=ADDRESS, database_password_file=password_file)
        password_file.write_text("other")
        assert make_url(settings.resolved_database_url).password == "other"

    @pytest.mark.parametrize("address", [ADDRESS.replace("@", ":own@"), "sqlite:////data/rows"])
    def test_others_stay_as_they_are(self, password_file: Path, address: str) -> None:
        settings = Settings(database_url=address, database_password_file=password_file)
        assert settings.resolved_database_url == address

    def test_without_an_address_it_is_of_no_use(self, password_file: Path, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path, database_password_file=password_file)
        assert settings.resolved_database_url == f"sqlite:///{tmp_path / 'autopq.sqlite3'}"

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ValidationError, match="nothing cannot be read"):
            Settings(database_url=ADDRESS, database_password_file=tmp_path / "nothing")


class TestHalves:
    @pytest.mark.slow
    def test_one_process_answers_and_another_runs_jobs(
        self, make_service: Callable[..., Any], table: pd.DataFrame
    ) -> None:
        api = make_service(supervise=False, ready=False)
        assert api.http.get("/readyz").status_code == 503
        job = api.submit(api.upload(table))
        supervisor = make_service(serve_api=False)
        done = api.finish(job["id"], 280)
        assert done["state"] == "succeeded", done
        assert api.http.get("/readyz").status_code == 200
        assert supervisor.http.get("/metrics").status_code == 200
        assert supervisor.http.get(f"/v1/jobs/{job['id']}").status_code == 404
        assert set(supervisor.http.get("/openapi.json").json()["paths"]) == {
            *("/healthz", "/readyz", "/metrics")
        }

    def test_neither_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="leaves nothing to do"):
            Settings(supervise=False, serve_api=False)
