"""Whether attempts fit onto the nodes of a cluster beside those that are there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A machine and all it has, taken or not."""

    id: str
    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one process takes, from one node: the one named, or whichever has it."""

    cpus: float
    gpus: float
    node: str | None = None


def fits(nodes: Sequence[Node], taken: Iterable[Bundle], wanted: Iterable[Bundle]) -> bool:
    """Whether each of `wanted` finds a node. Bundles of `taken` whose node nobody knows yet are
    thought to be where they leave the least idle."""
    free = {node.id: (node.cpus, node.gpus) for node in nodes}
    unknown = []
    for bundle in taken:
        if bundle.node is None:
            unknown.append(bundle)
        elif bundle.node in free:
            cpus, gpus = free[bundle.node]
            free[bundle.node] = cpus - bundle.cpus, gpus - bundle.gpus
    for bundle in _largest_first(unknown):
        _take(free, bundle)
    return all(_take(free, bundle) for bundle in _largest_first(wanted))


def most_beside(nodes: Sequence[Node], first: Bundle, each: Bundle) -> int:
    """How many of `each` find a node beside `first` while nothing else runs."""
    free = {node.id: (node.cpus, node.gpus) for node in nodes}
    if not _take(free, first):
        return 0
    return sum(
        int(min(cpus / each.cpus, gpus / each.gpus if each.gpus else cpus / each.cpus))
        for cpus, gpus in free.values()
    )


def _largest_first(bundles: Iterable[Bundle]) -> list[Bundle]:
    return sorted(bundles, key=lambda bundle: (bundle.gpus, bundle.cpus), reverse=True)


def _take(free: dict[str, tuple[float, float]], bundle: Bundle) -> bool:
    left = {
        node: (gpus - bundle.gpus, cpus - bundle.cpus)
        for node, (cpus, gpus) in free.items()
        if cpus >= bundle.cpus and gpus >= bundle.gpus
    }
    if not left:
        return False
    tightest = min(left, key=lambda node: (*left[node], node))
    gpus, cpus = left[tightest]
    free[tightest] = cpus, gpus
    return True
