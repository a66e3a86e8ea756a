"""Values as strict JSON knows them."""

import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Mappings and sequences as dicts and lists, numpy scalars as numbers, non-finite as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy scalars and arrays, without importing numpy
        return plain(value.tolist())
    return str(value)
