"""Estimates of what a job will take, from jobs of the past."""

from typing import Any

import pytest

from app.core.errors import InvalidRequestError
from app.energy.estimate import Past, estimate
from app.energy.limits import check_against

FAST = {"preset": "fast", "horizon": 24, "forecasters": None}


def past(energy_wh: float, rows: int = 1000, **config: Any) -> Past:
    return Past(FAST | config, rows, energy_wh, 10 * energy_wh, energy_wh / 4, 2.5 * energy_wh)


def test_without_jobs_nothing_is_estimated() -> None:
    found = estimate(FAST, 1000, [])
    assert found.basis == "none"
    assert found.energy_wh is None
    assert found.minimum_energy_wh is None


def test_jobs_of_the_same_task_are_averaged_with_an_interval() -> None:
    found = estimate(FAST, 1000, [past(1.0), past(1.1), past(0.9), past(50.0, horizon=48)])
    assert (found.basis, found.jobs) == ("same_task", 3)
    assert found.energy_wh.expected == pytest.approx(1.0, rel=0.02)
    assert found.energy_wh.low < 0.9 < 1.1 < found.energy_wh.high < 2.0
    assert found.seconds.expected == pytest.approx(10.0, rel=0.02)
    assert found.minimum_energy_wh == pytest.approx(0.25, rel=0.02)


def test_more_jobs_narrow_the_interval_and_one_alone_is_wide() -> None:
    def width(count: int) -> float:
        found = estimate(FAST, 1000, [past(1.0)] * count)
        return found.energy_wh.high / found.energy_wh.low

    assert width(1) > width(2) > width(4) > width(40) > 1.5


def test_another_size_lies_between_constant_and_proportional() -> None:
    found = estimate(FAST, 4000, [past(1.0)] * 20)
    assert found.basis == "same_settings"
    assert found.energy_wh.expected == pytest.approx(2.0)
    assert found.energy_wh.low < 1.0
    assert found.energy_wh.high > 4.0


def test_other_settings_of_the_preset_say_little() -> None:
    found = estimate(FAST | {"horizon": 96}, 1000, [past(1.0)] * 20)
    assert found.basis == "same_preset"
    assert found.energy_wh.high / found.energy_wh.low > 4
    assert estimate({"preset": "default"}, 1000, [past(1.0)]).basis == "none"


def test_a_limit_below_the_minimum_is_refused_by_name() -> None:
    found = estimate(FAST, 1000, [past(4.0)] * 5)  # at least 1 Wh and 10 seconds
    check_against(FAST | {"energy_limit_wh": 1.1, "time_limit": 11.0}, found)
    with pytest.raises(InvalidRequestError) as refused:
        check_against(FAST | {"energy_limit_wh": 0.5}, found)
    [finding] = refused.value.findings
    assert finding.field == "energy_limit_wh"
    assert "Allow 1 Wh or more" in finding.mend
    with pytest.raises(InvalidRequestError, match="10 "):
        check_against(FAST | {"time_limit": 3.0}, found)


def test_limits_bound_the_estimate_and_jobs_with_limits_count_only_alone() -> None:
    free, short = [past(4.0)] * 3, [past(1.0, energy_limit_wh=1.0)] * 3
    assert estimate(FAST, 1000, free + short).energy_wh.expected == pytest.approx(4.0)
    assert estimate(FAST, 1000, short).energy_wh.expected == pytest.approx(1.0)
    assert estimate(FAST | {"energy_limit_wh": 2.0}, 1000, free).energy_wh.high == 2.0


def test_jobs_of_other_settings_refuse_none() -> None:
    found = estimate(FAST | {"horizon": 96}, 1000, [past(4.0)])
    assert found.basis == "same_preset"
    check_against(FAST | {"energy_limit_wh": 1e-6}, found)
    check_against(FAST | {"energy_limit_wh": 1e-6}, estimate(FAST, 1000, []))


@pytest.mark.slow
def test_over_http(service: Any, finished_job: dict[str, Any], dataset_id: str) -> None:
    body = {"dataset_id": dataset_id, "config": finished_job["config"]}
    before = len(service.http.get("/v1/jobs").json()["items"])
    service.until(
        lambda: service.http.post("/v1/jobs:estimate", json=body).json()["basis"] == "same_task",
        "the job in the book of its machine",
    )
    found = service.http.post("/v1/jobs:estimate", json=body).json()
    took = service.http.get(finished_job["links"]["energy"]).json()["total"]["total_wh"]
    assert found["energy_wh"]["low"] < took < found["energy_wh"]["high"]
    assert 0 < found["minimum_energy_wh"] < found["energy_wh"]["high"]
    assert len(service.http.get("/v1/jobs").json()["items"]) == before
    unknown = service.http.post("/v1/jobs:estimate", json=body | {"dataset_id": "ds_none"})
    assert unknown.status_code == 404
