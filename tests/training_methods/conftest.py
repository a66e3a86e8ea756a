"""Results of the distributed runs, made once for all tests: starting ranks is what takes time."""

from typing import Any

import pytest
import torch

from tests.training_methods import ranks
from training_methods.distributed import run_ranks


@pytest.fixture(scope="session")
def two_ranks() -> list[dict[str, Any]]:
    return run_ranks(ranks.two, 2, timeout=280)


@pytest.fixture(scope="session")
def four_ranks() -> list[dict[str, Any]]:
    return run_ranks(ranks.four, 4, timeout=280)


@pytest.fixture(autouse=True)
def _no_default_process_group() -> Any:
    yield
    assert not torch.distributed.is_initialized()
