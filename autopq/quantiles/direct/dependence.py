"""Sample paths for models that know one step at a time: an empirical copula.

A validation window's ranks (where its targets fell in their forecast distributions, step by step)
are one draw of the dependence between steps. Paths follow the order of such draws and take their
values from the forecast's own quantiles (Schaake shuffle, Clark et al. 2004; ranks of errors,
Pinson et al. 2009).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Ints, Times, Windows
from autopq.evaluation.grid import interpolate
from autopq.forecasters.base import State

# Paths follow the validation windows with the nearest time of day at the origin: the first steps
# of a solar forecast depend on each other in another way at noon than at midnight. Fewer windows
# than this would be seen again and again in the paths.
_TEMPLATES = 48
# Quantiles this close, as a share of the typical size of the targets, are one atom.
_ATOM = 1e-6
_CHUNK_VALUES = 4_000_000


@dataclass(frozen=True)
class RankDependence:
    """Randomised probability integral transforms of validation windows, and when they began."""

    transforms: npt.NDArray[np.float32]  # [m, H] in (0, 1)
    phase: Floats  # [m] place of the origin in the day, in [0, 1)

    @classmethod
    def fit(
        cls, windows: Windows, quantiles: Floats, levels: Floats, rng: np.random.Generator
    ) -> Self:
        """From the targets of complete windows and their forecast quantiles [m, H, L]."""
        target = windows.target()
        of_window = np.abs(target).mean(axis=1)
        of_series = np.bincount(windows.series, of_window) / np.maximum(
            np.bincount(windows.series), 1
        )
        atom = _ATOM * of_series[windows.series][:, None]
        transforms = randomised_pit(target, quantiles, levels, atom, rng)
        return cls(transforms.astype(np.float32), _phase(windows))

    def paths(
        self,
        windows: Windows,
        quantiles: Floats,
        levels: Floats,
        count: int,
        rng: np.random.Generator,
    ) -> Floats:
        """[n, S, H] paths whose values at each step are the quantiles [n, H, L] at S evenly
        spaced levels, in the order of the drawn ranks."""
        spaced = (np.arange(count) + 0.5) / count
        n, horizon = len(windows), windows.horizon
        paths = np.empty((n, count, horizon))
        chunk = max(1, _CHUNK_VALUES // (count * horizon))
        phase = _phase(windows)
        for first in range(0, n, chunk):
            part = slice(first, first + chunk)
            ranks = self._ranks(phase[part], count, rng)
            values = interpolate(quantiles[part], levels, spaced)
            paths[part] = np.take_along_axis(values, ranks, axis=2).transpose(0, 2, 1)
        return paths

    def _ranks(self, phase: Floats, count: int, rng: np.random.Generator) -> Ints:
        """[n, H, S] ranks 0 to S - 1 of drawn validation windows; every window near in the time
        of day is drawn equally often, and chance orders what is drawn twice."""
        near = self._nearest(phase)
        drawn = rng.permuted(near, axis=1)[:, np.arange(count) % near.shape[1]]
        transforms = self.transforms[drawn].transpose(0, 2, 1)  # [n, H, S]
        shuffled = rng.permuted(np.tile(np.arange(count), (len(phase), 1)), axis=1)
        # Shuffled columns and a stable sort: ties fall at random, but alike at every step.
        order = np.argsort(
            np.take_along_axis(transforms, shuffled[:, None, :], axis=2), axis=2, kind="stable"
        )
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(count)[None, None, :], axis=2)
        return ranks

    def _nearest(self, phase: Floats) -> Ints:
        """[n, k] positions of the k validation windows nearest in the time of day."""
        k = min(len(self.phase), _TEMPLATES)
        apart = np.abs(phase[:, None] - self.phase[None, :])
        apart = np.minimum(apart, 1 - apart)
        nearest: Ints = np.argsort(apart, axis=1, kind="stable")[:, :k]
        return nearest

    def to_state(self) -> State:
        return State({"transforms": self.transforms, "phase": self.phase})

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls(state.arrays["transforms"], state.arrays["phase"])


def randomised_pit(
    target: Floats, quantiles: Floats, levels: Floats, atom: Floats, rng: np.random.Generator
) -> Floats:
    """[...] probability integral transform of targets [...] under ascending quantiles [..., L].

    Between two quantiles it is linear; outside the outermost ones, and where quantiles within
    `atom` [...] of the target coincide (solar power at night), it is drawn uniformly from the
    levels that are possible.
    """
    padded = np.concatenate([[0.0], levels, [1.0]])
    below = (quantiles < (target - atom)[..., None]).sum(axis=-1)  # quantiles surely below
    not_above = (quantiles <= (target + atom)[..., None]).sum(axis=-1)
    uniform = rng.random(target.shape)
    last = len(levels) - 1
    left = np.clip(below - 1, 0, last)
    right = np.clip(below, 0, last)
    low = np.take_along_axis(quantiles, left[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(quantiles, right[..., None], axis=-1)[..., 0]
    inside = (below > 0) & (not_above <= last) & (not_above == below)
    share = np.where(inside, (target - low) / np.where(high > low, high - low, 1.0), uniform)
    start, end = padded[below], padded[below + 1]
    met = not_above > below
    # An atom spans from its first to its last level; at the ends of the grid up to 0 or 1.
    start = np.where(met & (below > 0), padded[below + 1], start)
    end = np.where(met, np.where(not_above > last, 1.0, padded[not_above]), end)
    transform: Floats = start + (end - start) * np.clip(share, 0.0, 1.0)
    return transform


def _phase(windows: Windows) -> Floats:
    return _time_of_day(windows.panel.local_time[windows.steps[:, 0]], windows.panel.freq)


def _time_of_day(local_time: Times, freq: Frequency) -> Floats:
    """Place in the day, in [0, 1); 0 for steps of a day and longer."""
    if not freq.is_subdaily:
        return np.zeros(len(local_time))
    day = local_time.astype("datetime64[D]")
    share: Floats = (local_time - day) / np.timedelta64(1, "D")
    return share
