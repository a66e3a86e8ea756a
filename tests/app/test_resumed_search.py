"""What one search leaves for the next: to the next attempt its trials, to later jobs its best
settings."""

import os
import signal
from collections import Counter

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


def electricity(service, job_id):
    return service.http.get(f"/v1/jobs/{job_id}/energy").json()


def settled(service, job_id):
    """The same, once what the end of the last attempt took has been added."""
    parts = "cpu_mj + idle_mj + gpu_mj + ram_mj"
    shares = f"SELECT sum({parts}) FROM host_energy_share WHERE job_id = ?"

    def told_all():
        ((share,),) = service.rows(shares, job_id)
        return share == electricity(service, job_id)["total"]["total_mj"]

    service.until(told_all, "the machine's share of the job to be what the job tells")
    return electricity(service, job_id)


def check_sums(service, job_id):
    """Trials and the phase's own work make the phase, phases the attempt, attempts the job, and
    jobs the report, to the last millijoule."""
    found = settled(service, job_id)
    parts, total = found["by_trial"], found["total"]["total_mj"]
    assert len({part["attempt"] for part in parts}) == 2
    for name in ("phase", "attempt"):
        sums = Counter()
        for part in parts:
            sums[part[name]] += part["total_mj"]
        assert sums == {group[name]: group["total_mj"] for group in found[f"by_{name}"]}
        assert sums.total() == total > 0
    assert any(part["trial"] is None and part["total_mj"] for part in parts)
    report = service.http.get("/v1/energy", params={"group_by": "job"}).json()
    assert {group["key"]: group["total_mj"] for group in report["groups"]}[job_id] == total
    assert sum(group["total_mj"] for group in report["groups"]) == report["total"]["total_mj"]


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
    check_sums(service, job_id)


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
