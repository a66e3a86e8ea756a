"""Central intervals that hold on validation what their level says (split conformal prediction).

Targets are laid where the forecast distribution meets them (randomised PIT, so that atoms count
right), and an interval is given the level whose interval held the wanted share of them: Romano,
Patterson and Candès 2019 in the scale of levels, so that one fit serves every width. Only halfway,
because validation rows are few and often calmer than what comes; and outwards from the median,
which stays where it is.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from autopq.data.panel import Floats
from autopq.evaluation.calibration import randomised_pit
from autopq.evaluation.grid import DENSE_LEVELS, interpolate

FEWEST_WINDOWS = 20
_COVERAGES = tuple(np.round(np.arange(1, 20) / 20, 2).tolist())
_SHRUNK = 0.5


@dataclass(frozen=True)
class ConformalIntervals:
    """`taken[i]` is the coverage whose interval stands in for the one of `coverages[i]`; both
    ascend inside (0, 1), and what lies between them is linear."""

    coverages: tuple[float, ...]
    taken: tuple[float, ...]

    @classmethod
    def fit(cls, truth: Floats, quantiles: Floats, rng: np.random.Generator) -> Self | None:
        """From `truth` [n, H], NaN where missing, and `quantiles` [n, H, Q] on the dense grid;
        None with too few windows to tell."""
        if np.isfinite(truth).any(axis=1).sum() < FEWEST_WINDOWS:
            return None
        met = randomised_pit(truth, quantiles, DENSE_LEVELS, rng)
        coverage = np.abs(2 * met[np.isfinite(met)] - 1)  # of the interval that just holds it
        held = np.quantile(coverage, _COVERAGES)
        taken = np.array(_COVERAGES) * (1 - _SHRUNK) + held * _SHRUNK
        return cls(_COVERAGES, tuple(taken.tolist()))

    def applied(self, quantiles: Floats) -> Floats:
        """[n, H, Q] quantiles on the dense grid, ascending if they were; the median as it was."""
        outward = 2 * DENSE_LEVELS - 1
        taken = np.interp(np.abs(outward), [0, *self.coverages, 1], [0, *self.taken, 1])
        levels = 0.5 + np.sign(outward) * taken / 2
        inside = np.clip(levels, DENSE_LEVELS[0], DENSE_LEVELS[-1])
        return interpolate(quantiles, DENSE_LEVELS, inside)

    def describe(self) -> dict[str, Any]:
        return asdict(self)
