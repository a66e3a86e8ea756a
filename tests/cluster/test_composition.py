"""A job and a forecast through the processes of `deploy/compose.yml`."""

import httpx
import pytest

from tests.composition import composition
from tests.postgres import PostgresServer

pytestmark = pytest.mark.timeout(900)


def test_a_job_and_a_forecast_through_all_of_them(postgres: PostgresServer) -> None:
    with composition(postgres) as composed:
        composed.start_ray()
        head = f"http://127.0.0.1:{composed.head_port}"
        assert httpx.get(f"{head}/api/jobs/").status_code == 401  # without the token
        composed.start_service()
        jobs = "http://127.0.0.1:{}/v1/jobs".format
        assert httpx.get(jobs(composed.api_port)).status_code == 401
        answer = httpx.get(jobs(composed.supervisor_port), headers=composed.bearer)
        assert answer.status_code == 404
        composed.work()
