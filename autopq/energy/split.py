"""Splitting whole numbers without losing or gaining one."""

from collections.abc import Sequence


def largest_remainder(total: int, weights: Sequence[float]) -> list[int]:
    """Parts of `total` in proportion to non-negative `weights`; they add up to it exactly.

    Each part is the quota rounded down, and what is left goes one by one to the largest
    remainders, the first of equal ones first (Hamilton's method). All weights zero: raises
    ValueError, as nothing says whose the total is.
    """
    weight = sum(weights)
    if weight <= 0:
        raise ValueError("all weights are zero")
    quotas = [total * (one / weight) for one in weights]
    parts = [int(quota) for quota in quotas]
    left = total - sum(parts)
    order = sorted(range(len(parts)), key=lambda i: parts[i] - quotas[i])
    for i in order[: max(left, 0)]:
        parts[i] += 1
    # Rounding of huge quotas may have taken too much.
    for i in reversed(order[: max(-left, 0)]):
        parts[i] -= 1
    return parts
