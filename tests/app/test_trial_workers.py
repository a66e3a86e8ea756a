"""How wide a job may search: as the operator says, and no wider than the place it was given."""

from pathlib import Path
from typing import Any

import pytest

from app.jobs.search import within_limits
from app.settings import Settings
from autopq.task import TaskConfig


@pytest.mark.parametrize(
    ("operator", "asked", "found"),
    [
        ({}, None, None),
        ({}, 4, 4),
        ({"trial_workers": 2}, 4, 2),
        ({"engine": "ray"}, None, 1),
        ({"engine": "ray", "cpus_per_job": 3}, None, 3),
        ({"engine": "ray", "cpus_per_job": 3}, 4, 3),
        ({"engine": "ray", "cpus_per_job": 3}, 2, 2),
        ({"engine": "ray", "trial_workers": 2}, None, 2),
    ],
)
def test_no_search_is_wider_than_its_place(
    tmp_path: Path, operator: dict[str, Any], asked: int | None, found: int | None
) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, **operator})
    task = TaskConfig(horizon=1, trial_workers=asked)
    assert within_limits(task, settings).trial_workers == found
