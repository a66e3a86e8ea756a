"""Trials on a Ray cluster that is really started, under the runners' contract."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.engine.ray_trials import RayTrials
from autopq.energy import EnergyRow
from autopq.search.trials.base import TrialRequest
from tests.contracts.trial_runners import ProcessRunnerContract
from tests.contracts.works import Busy
from tests.ray_head import RayHead, running_ray

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def ray() -> Iterator[RayHead]:
    """This process joins it like a worker that Ray started."""
    with running_ray(cpus=2) as head, pytest.MonkeyPatch.context() as patch:
        for name, value in head.variables.items():
            patch.setenv(name, value)
        yield head
        import ray

        ray.shutdown()


class TestRayTrials(ProcessRunnerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls) -> list[EnergyRow]:
        """What the trials took."""
        return []

    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls, ray: RayHead, rows: list[EnergyRow]) -> Iterator[RayTrials]:
        # Starting a process takes seconds: one runner serves all tests.
        made = RayTrials(2, rows.append, lambda: "select")
        yield made
        made.close()

    def test_the_electricity_of_a_trial_is_told_under_its_name(
        self, runner: RayTrials, floor: Any, rows: list[EnergyRow]
    ) -> None:
        rows.clear()
        # A trial that is over within a millisecond may take no whole millijoule, and has no row.
        asked = [TrialRequest(f"trial#{n}", "busy", {"seconds": 0.1}) for n in (1, 2)]
        found = self.run(runner, Busy(), asked, floor)
        assert {row.phase for row in rows} == {"select"}
        told = [row for row in rows if row.trial is not None]
        assert {row.trial for row in told} == {"trial#1", "trial#2"}
        assert all(finished.energy_mj > 0 for finished in found)
        assert sum(finished.energy_mj for finished in found) == sum(row.total_mj for row in told)
