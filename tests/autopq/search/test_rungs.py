"""How wide a search is, asked without running it."""

from typing import Any

import pytest

from autopq.search.rungs import rungs, widest_round
from autopq.task import TaskConfig


@pytest.mark.parametrize(
    ("task", "widest"),
    [
        ({"preset": "default"}, 0),
        ({"preset": "advanced"}, 8),  # two settings of each of four, then four of each of two
        ({"preset": "advanced", "trial_workers": 3}, 3),
        ({"preset": "advanced", "forecasters": ["mlp"], "quantile_models": ["residual"]}, 4),
        (
            {"preset": "advanced", "forecasters": ["climatology"], "quantile_models": ["residual"]},
            0,
        ),
    ],
)
def test_so_many_settings_are_tried_at_a_time(task: dict[str, Any], widest: int) -> None:
    assert widest_round(TaskConfig(horizon=24, **task)) == widest


@pytest.mark.parametrize("components", range(1, 9))
def test_rungs_cost_alike_and_no_more_than_there_is(components: int) -> None:
    for trials in range(4 * components, 65):
        plan = rungs(components, trials)
        left = [max(1, components >> rung) for rung in range(len(plan))]
        costs = [settings * count for settings, count in zip(plan, left, strict=True)]
        assert left[-1] == 1, "one component is left on the last rung"
        assert sum(costs) <= trials
        assert max(costs) - min(costs) < components
