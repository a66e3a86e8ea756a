"""Over two ranks F³ and forward gradients give one process's result, and count what they sent."""

from typing import Any

import pytest
import torch

from tests.training_methods.networks import chain, regression
from tests.training_methods.shared_ranks import CASES, SAMPLES, gradients_of, on_a_rank
from training_methods import LocalCommunicator
from training_methods.distributed import run_ranks

PARAMETERS = sum(p.numel() for p in chain().parameters())
OUTPUT = 8 * 3 + 3


@pytest.fixture(scope="module")
def both() -> list[dict[str, Any]]:
    return run_ranks(on_a_rank, 2, timeout=120)


@pytest.mark.parametrize("case", list(CASES))
def test_two_ranks_equal_one_process(both: list[dict[str, Any]], case: str) -> None:
    alone = gradients_of(LocalCommunicator(), regression(2 * SAMPLES))[case]["gradients"]
    for rank in both:
        found = rank[case]["gradients"]
        assert found.keys() == alone.keys()
        for name in alone:
            torch.testing.assert_close(found[name], alone[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("case", "numbers"),
    [
        ("weights", 6),
        ("weights and exact output", 6 + OUTPUT),
        ("activities", PARAMETERS),
        ("f3", PARAMETERS),
    ],
)
def test_bytes_sent(both: list[dict[str, Any]], case: str, numbers: int) -> None:
    assert [rank[case]["bytes"] for rank in both] == [4 * numbers] * 2
