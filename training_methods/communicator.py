"""Communication between the ranks of one training run, and the count of what was sent.

Every collective of this package goes through a `Communicator`, so traffic is counted in one place.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Group:
    """Some of the ranks, in ascending order. `handle` is the backend's own object."""

    ranks: tuple[int, ...]
    handle: object = None


@dataclass
class Traffic:
    """What one rank sent, by label (`gradients`, `group`, `sync`, `control`, …).

    `payload` counts the bytes handed to collectives; `ring` the bytes a ring algorithm sends for
    them: 2(p−1)/p times the payload for a reduction over p ranks.
    """

    payload: Counter[str] = field(default_factory=Counter)
    ring: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def count_reduction(self, label: str, payload: int, ranks: int) -> None:
        """One all-reduce of `payload` bytes over `ranks` ranks; nothing for a single rank."""
        if ranks > 1:
            self.payload[label] += payload
            self.ring[label] += 2 * (ranks - 1) * payload // ranks
            self.calls[label] += 1

    def count_broadcast(self, label: str, payload: int, ranks: int) -> None:
        """One broadcast of `payload` bytes, which a pipeline sends (p−1) times: counted is the
        mean over the ranks."""
        if ranks > 1:
            self.payload[label] += payload
            self.ring[label] += (ranks - 1) * payload // ranks
            self.calls[label] += 1


class Communicator(ABC):
    """Collectives over all ranks, or over a `Group`. Tensors keep their device and dtype."""

    rank: int
    world_size: int
    traffic: Traffic

    @abstractmethod
    def new_group(self, ranks: Sequence[int]) -> Group:
        """A group of ranks. Called on every rank, in the same order everywhere."""

    @abstractmethod
    def mean_(self, tensors: Sequence[Tensor], *, label: str, group: Group | None = None) -> None:
        """Replace every tensor by its mean over the ranks, in one collective."""

    @abstractmethod
    def max_(self, tensor: Tensor, *, label: str, group: Group | None = None) -> None:
        """Replace the tensor by its elementwise maximum over the ranks."""

    @abstractmethod
    def broadcast_(
        self, tensors: Sequence[Tensor], *, source: int, label: str, group: Group | None = None
    ) -> None:
        """Replace every tensor by that of the rank `source`, in one collective."""


class LocalCommunicator(Communicator):
    """A world of one rank: nothing is sent, every collective leaves its tensors as they are."""

    def __init__(self) -> None:
        self.rank = 0
        self.world_size = 1
        self.traffic = Traffic()

    def new_group(self, ranks: Sequence[int]) -> Group:
        if tuple(ranks) != (0,):
            raise ValueError("a single process has rank 0 alone")
        return Group((0,))

    def mean_(self, tensors: Sequence[Tensor], *, label: str, group: Group | None = None) -> None:
        return None

    def max_(self, tensor: Tensor, *, label: str, group: Group | None = None) -> None:
        return None

    def broadcast_(
        self, tensors: Sequence[Tensor], *, source: int, label: str, group: Group | None = None
    ) -> None:
        return None
