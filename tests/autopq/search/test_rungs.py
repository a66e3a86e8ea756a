"""How wide a search is, asked without running it."""

from typing import Any

import pytest

from autopq.search.rungs import widest_round
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
