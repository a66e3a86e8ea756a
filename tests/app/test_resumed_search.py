"""A worker that is killed in the middle of its search: the next attempt goes on where it was."""

import os
import signal

import pytest

from tests.app.aftermath import pid_of_attempt

SEARCH = {
    "preset": "advanced",
    "forecasters": ["climatology"],
    "quantile_models": ["residual", "lightgbm_quantile", "mlp_quantile"],
    "max_trials": 8,
    "refit": False,
    "trial_workers": 2,
}


def tuned(service, job_id):
    """(attempt, name) of every setting that was tried, as written down."""
    found = service.rows("SELECT attempt, name FROM trial WHERE job_id = ? ORDER BY id", job_id)
    return [(attempt, name) for attempt, name in found if "#" in name and "/" not in name]


@pytest.mark.slow
def test_finished_trials_are_never_run_again(service, table):
    job_id = service.submit(service.upload(table), **SEARCH)["id"]
    service.until(lambda: len(tuned(service, job_id)) >= 3, "some trials", 240)
    os.kill(pid_of_attempt(service, job_id, 1), signal.SIGKILL)
    before = tuned(service, job_id)
    ended = service.finish(job_id, 240)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
    found = tuned(service, job_id)
    names = [name for _, name in found]
    assert len(names) == len(set(names)) == 8
    assert found[: len(before)] == before
    # What attempt 1 had finished, it alone spent electricity on.
    query = "SELECT DISTINCT trial FROM energy_ledger WHERE job_id = ? AND attempt = 2"
    spent = service.rows(query, job_id)
    assert not {name for (name,) in spent} & {name for _, name in before}
    assert not (service.data_dir / "searches" / job_id).exists()
