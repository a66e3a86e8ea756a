"""Ranks of one training as a gang on the Ray cluster: all of them are placed, or none is.

Called from a worker that Ray started; only there is Ray installed.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psutil
import torch

from app.energy.metering import host_source
from app.engine.ray_cluster import join_cluster
from app.settings import Settings
from autopq.energy import EnergyMeter, EnergyRow
from autopq.energy.share import OwnShares, ShareSource
from training_methods.distributed import process_group
from training_methods.outcomes import RankLost, TrainingStopped

_POLL_S = 0.1
_DEATH_S = 10.0  # a rank's death may be told later than the errors it causes in other ranks
_PLACE_S = 120.0  # the supervisor has seen room for the gang before it started the worker


class RayRanks:
    """See `training_methods.distributed.RankLauncher`. What the ranks took goes to `energy`, under
    the phase that `phase` tells."""

    def __init__(self, energy: Callable[[EnergyRow], None], phase: Callable[[], str]) -> None:
        self._energy = energy
        self._phase = phase
        # Every rank is given what the worker was: a GPU, or none.
        self._gpus = int(torch.cuda.is_available())

    def has_gpus(self, world_size: int) -> bool:
        return bool(self._gpus)

    def run(
        self,
        function: Callable[..., Any],
        world_size: int,
        *arguments: Any,
        backend: str = "gloo",
        should_stop: Callable[[], bool] | None = None,
    ) -> list[Any]:
        ray = join_cluster()
        from ray.util.placement_group import placement_group, remove_placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        each = {"CPU": 1.0, **({"GPU": 1.0} if self._gpus else {})}
        group = placement_group([each] * world_size, strategy="PACK")
        ranks: list[Any] = []
        try:
            self._wait(ray, [group.ready()], should_stop, f"place for {world_size} ranks", _PLACE_S)
            gang = ray.remote(num_cpus=1, num_gpus=self._gpus, max_restarts=0)(_Rank)
            ranks += [
                gang.options(
                    scheduling_strategy=PlacementGroupSchedulingStrategy(
                        group, placement_group_bundle_index=number
                    )
                ).remote()
                for number in range(world_size)
            ]
            meeting = self._wait(ray, [ranks[0].meeting.remote()], should_stop)[0]
            shared = ray.put((function, arguments))
            answers = self._wait(
                ray,
                [
                    rank.run.remote(shared, number, world_size, meeting, backend)
                    for number, rank in enumerate(ranks)
                ],
                should_stop,
            )
        finally:
            for rank in ranks:
                with suppress(Exception):
                    ray.kill(rank, no_restart=True)
            remove_placement_group(group)
        for _, rows in answers:
            for row in rows:
                self._energy(replace(row, phase=self._phase()))
        return [result for result, _ in answers]

    @staticmethod
    def _wait(
        ray: Any,
        asked: list[Any],
        should_stop: Callable[[], bool] | None,
        what: str = "an answer of a rank",
        timeout: float = float("inf"),
    ) -> list[Any]:
        """All answers, in their order. Raises as soon as one of them is an error."""
        pending = list(asked)
        deadline = time.monotonic() + timeout
        while pending:
            done, pending = ray.wait(pending, timeout=_POLL_S)
            try:
                ray.get(done)
            except ray.exceptions.RayError as error:
                death = _death(ray, asked)
                if death is None:
                    raise
                raise RankLost(f"a rank was lost: {str(death).splitlines()[0]}") from error
            if should_stop is not None and should_stop():
                raise TrainingStopped("stopped while its ranks were training")
            if time.monotonic() > deadline:
                raise RankLost(f"the cluster had no {what} within {timeout:g} s")
        answers: list[Any] = ray.get(asked)
        return answers


class _Rank:
    """One rank, in a process of its own wherever Ray put it."""

    def meeting(self) -> str:
        """Where the others find this rank."""
        address = join_cluster().util.get_node_ip_address()
        with socket.socket() as free:
            free.bind((address, 0))
            return f"tcp://{address}:{free.getsockname()[1]}"

    def run(
        self,
        work: tuple[Callable[..., Any], tuple[Any, ...]],
        rank: int,
        world_size: int,
        meeting: str,
        backend: str,
    ) -> tuple[Any, list[EnergyRow]]:
        function, arguments = work
        torch.set_num_threads(1)
        interface = _interface_of(join_cluster().util.get_node_ip_address())
        if interface is not None:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
            os.environ.setdefault("NCCL_SOCKET_IFNAME", interface)
        rows: list[EnergyRow] = []
        source = ShareSource(OwnShares(host_source(Settings())))
        with (
            EnergyMeter(source, rows.append),
            process_group(
                backend, init_method=meeting, rank=rank, world_size=world_size
            ) as communicator,
        ):
            result = function(communicator, *arguments)
        return result, rows


def _death(ray: Any, asked: list[Any]) -> Exception | None:
    """What is told of a rank that died, if one of them has. To the others it is but a connection
    that broke."""
    left = list(asked)
    deadline = time.monotonic() + _DEATH_S
    while left and (patience := deadline - time.monotonic()) > 0:
        done, left = ray.wait(left, timeout=patience)
        for answer in done:
            try:
                ray.get(answer)
            except ray.exceptions.RayActorError as death:
                found: Exception = death
                return found
            except ray.exceptions.RayError:
                continue
    return None


def _interface_of(address: str) -> str | None:
    """The network over which the other nodes reach this one."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(found.address == address for found in addresses):
            return name
    return None
