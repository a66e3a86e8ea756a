"""Several components' states as one, and back."""

from collections.abc import Mapping

from autopq.forecasters.base import State


def nested(parts: Mapping[str, State]) -> State:
    """One state; arrays are named `part.array`, the parts' metas lie under `parts`."""
    arrays = {
        f"{part}.{name}": array
        for part, state in parts.items()
        for name, array in state.arrays.items()
    }
    return State(arrays, {"parts": {part: state.meta for part, state in parts.items()}})


def unnested(state: State) -> dict[str, State]:
    """The parts of a `nested` state."""
    parts = {part: State({}, dict(meta)) for part, meta in state.meta["parts"].items()}
    for key, array in state.arrays.items():
        part, _, name = key.partition(".")
        parts[part].arrays[name] = array
    return parts
