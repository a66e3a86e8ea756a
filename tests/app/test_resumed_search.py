"""What one search leaves for the next: to the next attempt its trials, to later jobs its best
settings."""

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
@pytest.mark.timeout(2000)
def test_finished_trials_are_never_run_again(service, table):
    job_id = service.submit(service.upload(table), **SEARCH)["id"]
    service.until(lambda: len(tuned(service, job_id)) >= 3, "some trials", 900)
    os.kill(pid_of_attempt(service, job_id, 1), signal.SIGKILL)
    before = tuned(service, job_id)
    ended = service.finish(job_id, 900)
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


@pytest.mark.slow
@pytest.mark.timeout(2000)
def test_a_search_begins_where_an_earlier_job_did_best(service, table):
    dataset_id = service.upload(table)
    quick = SEARCH | {"quantile_models": ["residual", "lightgbm_quantile"], "max_trials": 3}
    first = service.submit(dataset_id, **quick)["id"]
    assert service.finish(first, 900)["state"] == "succeeded"
    second = service.submit(dataset_id, **quick, warm_start=True)["id"]
    job = service.finish(second, 900)
    assert job["state"] == "succeeded", job

    def settings(job_id):
        trials = service.http.get(f"/v1/jobs/{job_id}/trials", params={"limit": 100}).json()
        found = [t for t in trials["items"] if "#" in t["name"] and "/" not in t["name"]]
        return [(t["score"], t["params"]) for t in found]

    best = min(settings(first), key=lambda setting: setting[0])
    # Not always the first to finish: trials run side by side.
    assert (best[0], best[1] | {"warm_start": first}) in settings(second)
    rows = service.http.get(f"/v1/jobs/{second}/leaderboard").json()["rows"]
    tried = next(row for row in rows if row["name"].startswith("lightgbm_quantile#"))
    if tried["name"] == "lightgbm_quantile#1":
        assert tried["details"]["warm_start"] == first
