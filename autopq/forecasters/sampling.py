"""What row-wise forecasters share in training: choices left open, and a row budget."""

import numpy as np

from autopq.data.panel import Windows

# Value of a parameter that the validation windows are to choose.
AUTO = "auto"


def within_budget(windows: Windows, rows: int) -> Windows:
    """At most `rows` / horizon windows, evenly spaced over all of them in their order; at least
    one. The spacing is not a whole number of seasons, so every origin hour stays present."""
    budget = max(1, rows // windows.horizon)
    if len(windows) <= budget:
        return windows
    return windows.take(np.linspace(0, len(windows) - 1, budget).astype(np.int64))
