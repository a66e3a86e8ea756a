"""A fitted component as data."""

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class State:
    """`arrays` go to safetensors, `meta` (plain JSON values) to JSON.

    Nothing else may be needed to rebuild the component, and nothing is ever unpickled.
    """

    arrays: Arrays = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
