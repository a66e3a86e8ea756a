"""Collectives do and count what they say; ranks start, answer, fail and end together."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from tests.training_methods import ranks
from training_methods import TrainingStopped
from training_methods.distributed import DistributedCommunicator, run_ranks

Ranks = list[dict[str, Any]]


@pytest.mark.parametrize("world", [2, 4])
def test_collectives_and_their_bytes(world: int, request: pytest.FixtureRequest) -> None:
    found: Ranks = request.getfixturevalue({2: "two_ranks", 4: "four_ranks"}[world])
    average = (world - 1) / 2
    for rank, result in enumerate(answer["collectives"] for answer in found):
        assert torch.equal(result["mean"][0], torch.full((2, 3), average))
        assert torch.equal(result["mean"][1], torch.full((4,), 10 * average))
        assert result["max"].tolist() == [world - 1, 0]
        assert torch.equal(result["broadcast"][0], torch.ones(3))
        assert result["broadcast"][1] == 1
        half = world // 2
        assert result["group"].item() == ((half - 1) / 2 if rank < half else rank)
        in_group = {"group": 4} if rank < half and half > 1 else {}
        assert result["bytes"] == {"mean": 40, "max": 16, "broadcast": 12 + 8, **in_group}
        assert result["ring_bytes"] == {
            "mean": 2 * (world - 1) * 40 // world,
            "max": 2 * (world - 1) * 16 // world,
            "broadcast": (world - 1) * 12 // world + (world - 1) * 8 // world,
            **({"group": 2 * (half - 1) * 4 // half} if in_group else {}),
        }


def test_an_error_in_one_rank_ends_all_and_is_raised() -> None:
    with pytest.raises(ProcessRaisedException, match=r"had enough|[Cc]onnection"):
        run_ranks(ranks.failing, 2, timeout=120)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("reason", ["stop", "timeout"])
def test_ranks_end_when_they_must(reason: str, tmp_path: Path) -> None:
    started = tmp_path / "started"
    if reason == "stop":
        with pytest.raises(TrainingStopped):
            run_ranks(ranks.waiting, 2, str(started), should_stop=started.exists)
    else:
        with pytest.raises(TimeoutError):
            run_ranks(ranks.waiting, 2, str(started), timeout=0.5)
    assert not multiprocessing.active_children()


def test_a_communicator_needs_a_process_group() -> None:
    with pytest.raises(RuntimeError, match="process_group"):
        DistributedCommunicator()
    with pytest.raises(ValueError, match="world_size"):
        run_ranks(ranks.failing, 0)


SCRIPT = """
import sys, torch
from training_methods.distributed import process_group
with process_group() as communicator:
    value = torch.tensor([float(communicator.rank)])
    communicator.mean_([value], label="mean")
    assert value.item() == 0.5 and communicator.world_size == 2
    sys.stdout.write(f"rank {communicator.rank} of 2\\n")
"""


def test_ranks_of_a_launcher_find_each_other(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    launched = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
            *("--local-addr=127.0.0.1", str(script)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert launched.returncode == 0, launched.stderr[-2000:]
    assert sorted(launched.stdout.split("\n")) == ["", "rank 0 of 2", "rank 1 of 2"]
