"""Communication over `torch.distributed`, and the launch of ranks on one machine.

Under a launcher such as torchrun, which sets RANK, WORLD_SIZE and the meeting point in the
environment, `process_group` joins the ranks it started; `run_ranks` starts them itself.
"""

import math
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from training_methods.communicator import Communicator, Group, Traffic
from training_methods.outcomes import RankLost, TrainingStopped

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 5.0
_COLLECTIVE_TIMEOUT = timedelta(minutes=10)


class RankLauncher(Protocol):
    """Starts the ranks of a training somewhere, and waits for them."""

    def has_gpus(self, world_size: int) -> bool:
        """Whether each of so many ranks would have a GPU of its own, as its current device."""

    def run(
        self,
        function: Callable[..., Any],
        world_size: int,
        *arguments: Any,
        backend: str = "gloo",
        should_stop: Callable[[], bool] | None = None,
    ) -> list[Any]:
        """As `run_ranks` does: what the ranks returned, or the error of one, and none left."""


class LocalRanks:
    """Ranks as children of this process. See `RankLauncher`."""

    def has_gpus(self, world_size: int) -> bool:
        return torch.cuda.device_count() >= world_size

    def run(
        self,
        function: Callable[..., Any],
        world_size: int,
        *arguments: Any,
        backend: str = "gloo",
        should_stop: Callable[[], bool] | None = None,
    ) -> list[Any]:
        return run_ranks(function, world_size, *arguments, backend=backend, should_stop=should_stop)


class DistributedCommunicator(Communicator):
    """The default process group of `torch.distributed`: gloo on CPUs, nccl on GPUs."""

    def __init__(self) -> None:
        if not dist.is_initialized():
            raise RuntimeError("there is no process group; use process_group() or run_ranks()")
        self.rank = dist.get_rank()
        self.world_size = dist.get_world_size()
        self.traffic = Traffic()

    def new_group(self, ranks: Sequence[int]) -> Group:
        members = tuple(sorted(ranks))
        return Group(members, dist.new_group(list(members)))

    def mean_(self, tensors: Sequence[Tensor], *, label: str, group: Group | None = None) -> None:
        size = self._size(group)
        if size == 1:
            return
        for flat in _flattened(tensors):
            dist.all_reduce(flat.buffer, group=_handle(group))
            flat.buffer /= size
            flat.scatter()
            self.traffic.count_reduction(label, flat.bytes, size)

    def max_(self, tensor: Tensor, *, label: str, group: Group | None = None) -> None:
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX, group=_handle(group))
        self.traffic.count_reduction(label, tensor.nbytes, self._size(group))

    def broadcast_(
        self, tensors: Sequence[Tensor], *, source: int, label: str, group: Group | None = None
    ) -> None:
        for flat in _flattened(tensors):
            dist.broadcast(flat.buffer, src=source, group=_handle(group))
            flat.scatter()
            self.traffic.count_broadcast(label, flat.bytes, self._size(group))

    def _size(self, group: Group | None) -> int:
        return self.world_size if group is None else len(group.ranks)


class _Flat:
    """Tensors of one dtype laid end to end, so that a collective runs once for all of them."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self._tensors = tensors
        self.buffer = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        self.bytes = self.buffer.nbytes

    @torch.no_grad()
    def scatter(self) -> None:
        parts = torch.split(self.buffer, [tensor.numel() for tensor in self._tensors])
        for tensor, part in zip(self._tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def _flattened(tensors: Sequence[Tensor]) -> list[_Flat]:
    by_kind: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for tensor in tensors:
        by_kind.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    return [_Flat(same) for same in by_kind.values()]


def _handle(group: Group | None) -> Any:
    return None if group is None else group.handle


@contextmanager
def process_group(
    backend: str | None = None, **rendezvous: Any
) -> Iterator[DistributedCommunicator]:
    """Join the other ranks for the length of a `with` block.

    Without `rendezvous` the meeting point, rank and number of ranks come from the environment, as
    torchrun sets them. `backend` defaults to nccl where every rank has a GPU of its own, to gloo
    elsewhere.
    """
    dist.init_process_group(
        backend or default_backend(int(os.environ.get("LOCAL_WORLD_SIZE", "1"))),
        timeout=_COLLECTIVE_TIMEOUT,
        **rendezvous,
    )
    try:
        yield DistributedCommunicator()
    finally:
        dist.destroy_process_group()


def default_backend(ranks_on_this_machine: int) -> str:
    return "nccl" if torch.cuda.device_count() >= ranks_on_this_machine else "gloo"


def run_ranks(
    function: Callable[..., Any],
    world_size: int,
    *arguments: Any,
    backend: str = "gloo",
    timeout: float = math.inf,
    should_stop: Callable[[], bool] | None = None,
) -> list[Any]:
    """Call `function(communicator, *arguments)` in `world_size` processes on this machine.

    Returns what the ranks returned, in their order; that must be tensors and plain values. The
    function is importable, as for any spawned process. Ranks speak over the loopback interface
    alone and end with this call, however it ends: an error in one rank ends the others and is
    raised here with the rank's traceback (torch's ProcessRaisedException, and OutOfMemoryError for
    a device whose memory is full), one that is killed
    raises RankLost, `should_stop` answering yes TrainingStopped, and `timeout` seconds that pass
    TimeoutError. Ranks stay in the caller's process group: a signal to all of it reaches them as
    well.
    """
    if world_size < 1:
        raise ValueError("world_size must be at least 1")
    with tempfile.TemporaryDirectory(prefix="ranks-") as folder:
        ranks = start_processes(  # type: ignore[no-untyped-call] # torch gives it no types
            _rank,
            (function, arguments, world_size, backend, folder, _threads(world_size)),
            nprocs=world_size,
            join=False,
            start_method="spawn",
        )
        assert isinstance(ranks, ProcessContext)
        deadline = time.monotonic() + timeout
        try:
            while not ranks.join(timeout=_POLL_SECONDS, grace_period=_GRACE_SECONDS):
                if should_stop is not None and should_stop():
                    raise TrainingStopped("stopped while its ranks were training")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{world_size} ranks took longer than {timeout:g} s")
        except ProcessExitedException as ended:
            # Whoever ends a process together with its children asks the ranks first of all.
            if should_stop is not None and should_stop():
                raise TrainingStopped("stopped together with its ranks") from ended
            raise RankLost(f"a rank of {world_size} was lost: {ended}") from ended
        except ProcessRaisedException as raised:
            if torch.OutOfMemoryError.__name__ in str(raised):
                raise torch.OutOfMemoryError(str(raised)) from raised
            raise
        finally:
            _end(ranks)
        return [torch.load(_result(folder, rank), weights_only=True) for rank in range(world_size)]


def _rank(
    rank: int,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    world_size: int,
    backend: str,
    folder: str,
    threads: int,
) -> None:
    torch.set_num_threads(threads)
    for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ[variable] = _loopback()
    if backend == "nccl":
        torch.cuda.set_device(rank)
    with process_group(
        backend, init_method=f"file://{folder}/meeting", rank=rank, world_size=world_size
    ) as communicator:
        result = function(communicator, *arguments)
    torch.save(result, _result(folder, rank))


def _end(ranks: ProcessContext) -> None:
    for process in ranks.processes:
        if process.is_alive():
            process.terminate()
    for process in ranks.processes:
        process.join(_GRACE_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()


def _result(folder: str, rank: int) -> Path:
    return Path(folder) / f"result-{rank}.pt"


def _threads(world_size: int) -> int:
    return max(1, torch.get_num_threads() // world_size)


def _loopback() -> str:
    """`lo` on Linux, `lo0` on macOS."""
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
