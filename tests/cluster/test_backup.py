"""What docs/deploy.md says of backups: a dump of the database, then a copy of the data folder, both
taken while the service runs, make the same service elsewhere."""

import io
import shutil
import subprocess
from pathlib import Path

import pandas as pd

from tests.app.aftermath import check_aftermath
from tests.app.conftest import Service, example_table
from tests.postgres import PostgresServer, binary

_LEVELS = {"quantile_levels": "0.05,0.5,0.95", "format": "csv"}


def forecast(service: Service, model_id: str) -> pd.DataFrame:
    made = service.forecast(model_id)
    assert made["state"] == "succeeded", made
    answer = service.http.get(f"/v1/forecasts/{made['id']}", params=_LEVELS)
    return pd.read_csv(io.StringIO(answer.raise_for_status().text))


def test_a_restored_service_forecasts_as_before_and_goes_on_with_its_jobs(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url, elsewhere = postgres.create_database(), postgres.create_database()
    dump, copy = tmp_path / "autopq.dump", tmp_path / "copy"
    service = Service(tmp_path / "data", database_url=url)
    service.start()
    try:
        dataset_id = service.upload(example_table())
        model_id = service.finish(service.submit(dataset_id)["id"])["model_id"]
        before = forecast(service, model_id)
        job_id = service.submit(dataset_id, **service.long_config)["id"]
        service.until(lambda: service.job(job_id)["state"] == "running", "the job to run")
        subprocess.run(
            [binary("pg_dump"), "--format=custom", "--file", dump, "--dbname", url], check=True
        )
        shutil.copytree(service.data_dir, copy, ignore=lambda *_: {"searches", "logs"})
    finally:
        service.stop()
    subprocess.run(
        [binary("pg_restore"), "--exit-on-error", "--dbname", elsewhere, dump], check=True
    )
    restored = Service(copy, database_url=elsewhere)
    restored.start()
    try:
        pd.testing.assert_frame_equal(forecast(restored, model_id), before)
        ended = restored.finish(job_id)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
        assert restored.crashes(job_id) == 0
        check_aftermath(restored)
    finally:
        restored.stop()
