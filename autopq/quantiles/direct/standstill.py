"""Steps at which a series stands still, such as solar power at night.

A network is smooth and never says "exactly zero": it pays a little at every such step. Where the
same step of all recent seasons held one and the same value, how often training targets held it
as well is counted instead of learned.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import State
from autopq.forecasters.lookback import Lookback, season_values

# Fewer steps than this say nothing of shares near 0.
_ENOUGH_STEPS = 200


@dataclass(frozen=True)
class Standstill:
    """Of the training steps whose recent seasons all held one value, the shares that fell below
    and rose above it. Both are 1 where too few were seen: then nothing is changed."""

    below: float
    above: float

    @classmethod
    def fit(cls, train: Windows) -> Self:
        """From complete windows."""
        value, still = _held_value(train)
        if still.sum() < _ENOUGH_STEPS:
            return cls(1.0, 1.0)
        target = train.target()[still]
        return cls(float(np.mean(target < value[still])), float(np.mean(target > value[still])))

    def applied(self, windows: Windows, quantiles: Floats, levels: Floats) -> Floats:
        """[n, H, L] ascending quantiles; where the series stands still, those at levels between
        the two shares are the value it holds, the others at least on their side of it."""
        value, still = _held_value(windows)
        held = value[still][:, None]
        found = quantiles[still]
        found = np.where(levels > self.below, np.maximum(found, held), found)
        found = np.where(levels <= 1 - self.above, np.minimum(found, held), found)
        changed = quantiles.copy()
        if self.below + self.above < 1:
            changed[still] = found
        return changed

    def to_state(self) -> State:
        return State({}, dict(vars(self)))

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls(**state.meta)


def _held_value(windows: Windows) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """[n, H] value of the same step one season before, and whether all recent seasons held it."""
    lookback = Lookback.of(windows.panel.freq)
    values = season_values(windows, lookback.season, lookback.season_lags)
    still: npt.NDArray[np.bool_] = (values == values[..., :1]).all(axis=-1)
    return values[..., 0], still
