"""Correcting forecasts by what the same model's latest forecasts got wrong.

Everything fitted ages: a level or a spread moves on after training. How far off the model was on
the last days is known at every origin, and says how far off it will be: the correction takes a
share of the recent mean error off, and lets intervals follow the size of recent errors. The shares
are chosen once, on validation windows; the errors are looked up anew at every origin.

Calm validation weeks cannot tell that a series will move, so intervals that widen when it does are
kept as an insurance wherever they cost next to nothing on validation.
"""

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from autopq.data.panel import Floats, Ints, Windows
from autopq.evaluation.grid import DENSE_LEVELS

Mask = npt.NDArray[np.bool_]

# Seasons looked back on; what is older has faded.
_SEASONS = 14
_HALF_LIVES = (3.0, 7.0)
_LEVEL_SHARES = (0.0, 0.25, 0.5, 0.75)
_STEP_SHARES = (0.0, 0.25, 0.5)
_WIDTH_POWERS = (0.0, 0.25, 0.5)
# The share of the loss that a correction must save on validation to be worth its forecasts.
_WORTHWHILE = 0.01
# Without such a gain, intervals still widen with the errors if that costs less than this share.
_INSURANCE = 0.002
_INSURED_HALF_LIFE, _INSURED_WIDTH = 7.0, 0.5
# Of a normal distribution: its mean absolute error, in halves of its 70 % interval. Where errors on
# validation are smaller, intervals are too wide, as those of an average of models that disagree:
# they may narrow as well, but as if recent errors were at least so large: a storm may come.
_CALIBRATED = 0.77
_CALMEST = 0.8
_FEWEST_WINDOWS = 20
_FEWEST_PAST = 3  # known forecasts that make a mean
# Choices are compared at every eleventh level: they shift and stretch all levels alike.
_COMPARED = slice(1, None, 11)
_MEDIAN = int(np.searchsorted(DENSE_LEVELS, 0.5))
_LOW, _HIGH = (int(np.searchsorted(DENSE_LEVELS, level)) for level in (0.15, 0.85))


@dataclass(frozen=True)
class PastErrors:
    """Of each window's earlier forecasts, newest first: the error of the median [n, K, H] and
    half the width of the 70 % interval [n, K, H]; NaN where there was none."""

    errors: Floats
    sizes: Floats

    @classmethod
    def look_up(
        cls,
        windows: Windows,
        forecast: Callable[[Windows], Floats],
        *,
        first: Ints | None = None,
        most: int | None = None,
    ) -> Self | None:
        """Forecast again what was forecast whole seasons before each window, the last of it just
        known at the window's origin. `forecast` gives [n, H, Q] on the dense grid. Origins before
        row `first` [S] of their series are left out. None where more than `most` forecasts would
        be needed."""
        season = windows.panel.freq.season
        newest = -(-int(windows.ahead.max() + 1) // season)
        back = season * np.arange(newest, newest + _SEASONS)
        origins = windows.origin[:, None] - back
        earliest = np.full(len(windows), season)
        if first is not None:
            earliest = np.maximum(earliest, first[windows.series])
        shape = (*origins.shape, windows.horizon)
        errors, sizes = np.full(shape, np.nan), np.full(shape, np.nan)
        given = origins >= earliest[:, None]
        lead = np.broadcast_to((windows.first - windows.origin)[:, None], origins.shape)
        series = np.broadcast_to(windows.series[:, None], origins.shape)
        asked = np.stack([series[given], origins[given], lead[given]], axis=1)
        if len(asked):
            distinct, where = np.unique(asked, axis=0, return_inverse=True)
            if most is not None and len(distinct) > most:
                return None
            past = Windows(
                windows.panel, distinct[:, 0], distinct[:, 1], windows.horizon, distinct[:, 2]
            )
            found = forecast(past)
            errors[given] = (past.target() - found[..., _MEDIAN])[where]
            sizes[given] = ((found[..., _HIGH] - found[..., _LOW]) / 2)[where]
        return cls(errors, sizes)

    def take(self, which: Mask) -> Self:
        return type(self)(self.errors[which], self.sizes[which])

    @property
    def known(self) -> Mask:
        """[n, K] which past forecasts were made and can be compared with all of their targets."""
        return np.asarray(np.isfinite(self.errors).all(axis=2))

    @property
    def enough(self) -> Mask:
        """[n] whether enough past forecasts are known to go by."""
        return np.asarray(self.known.sum(axis=1) >= _FEWEST_PAST)


@dataclass(frozen=True)
class RecentErrorCorrection:
    """`level` is the share of the mean recent error that is taken off, `step` that of each step's
    own deviation from it, `width` the power of the ratio of recent to `usual` relative errors by
    which intervals are stretched, and `calmest` the least of that ratio. Recent errors fade by half
    in `half_life` seasons."""

    half_life: float
    level: float
    step: float
    width: float
    usual: float
    calmest: float = 1.0

    @classmethod
    def fit(cls, truth: Floats, quantiles: Floats, past: PastErrors) -> Self | None:
        """The best on `truth` [n, H] of `quantiles` [n, H, Q] on the dense grid; where none saves
        enough to be worth it, the insurance; None where that costs too much, or too little is
        known to tell."""
        usable = past.enough & np.isfinite(truth).all(axis=1)
        if usable.sum() < _FEWEST_WINDOWS:
            return None
        truth, quantiles, past = truth[usable], quantiles[usable], past.take(usable)
        half = (quantiles[..., _HIGH] - quantiles[..., _LOW]) / 2
        relative = _relative(np.abs(truth - quantiles[..., _MEDIAN]), half)
        told = relative[np.isfinite(relative)]
        usual = float(np.mean(told)) if len(told) else 1.0
        calmest = _CALMEST if usual < _CALIBRATED else 1.0

        def loss(option: Self) -> float:
            return _pinball(truth, option.applied(quantiles, past)[..., _COMPARED])

        options = [
            cls(half_life, level, step, width, usual, calmest)
            for half_life, level, step, width in itertools.product(
                _HALF_LIVES, _LEVEL_SHARES, _STEP_SHARES, _WIDTH_POWERS
            )
            if level or step or width
        ]
        best = min(options, key=loss)
        plain = _pinball(truth, quantiles[..., _COMPARED])
        if loss(best) < plain * (1 - _WORTHWHILE):
            return best
        insured = cls(_INSURED_HALF_LIFE, 0.0, 0.0, _INSURED_WIDTH, usual, calmest)
        return insured if loss(insured) <= plain * (1 + _INSURANCE) else None

    def applied(self, quantiles: Floats, past: PastErrors) -> Floats:
        """[n, H, Q] corrected quantiles, ascending if they were; as they were where too little of
        the past is known."""
        known = past.known
        fading = np.where(known, 0.5 ** (np.arange(known.shape[1]) / self.half_life), 0.0)
        weights = fading / np.maximum(fading.sum(axis=1, keepdims=True), 1e-12)
        errors = np.where(known[..., None], past.errors, 0.0)
        by_step = np.einsum("nk,nkh->nh", weights, errors)
        level = by_step.mean(axis=1, keepdims=True)
        shift = self.level * level + self.step * (by_step - level)
        ratio = _relative(np.abs(errors), past.sizes)
        ratio = np.where(known & np.isfinite(ratio), ratio, self.usual)
        recent = (weights * ratio).sum(axis=1) / max(self.usual, 1e-12)
        stretch = np.maximum(recent, self.calmest)
        median = quantiles[..., _MEDIAN : _MEDIAN + 1]
        factor = (stretch**self.width)[:, None, None]
        # What ends on a limit says how often it is met: it is not drawn away from there.
        held = (factor < 1) & _at_an_end(quantiles)
        stretched = np.where(held, quantiles, median + (quantiles - median) * factor)
        corrected: Floats = np.where(
            past.enough[:, None, None], stretched + shift[..., None], quantiles
        )
        return corrected

    def describe(self) -> dict[str, float]:
        return asdict(self)


def rows_needed(season: int, reach: int) -> int:
    """Rows before an origin that past forecasts begin in, for horizons that end `reach` rows
    after the origin."""
    return (-(-reach // season) + _SEASONS) * season


def _at_an_end(quantiles: Floats) -> Mask:
    """[n, H, Q] which quantiles are one value with the lowest or the highest, of two at least."""
    lowest, highest = quantiles[..., :1], quantiles[..., -1:]
    low, high = quantiles == lowest, quantiles == highest
    low[..., 0], high[..., -1] = low[..., 1], high[..., -2]
    return np.asarray(low | high)


def _pinball(truth: Floats, compared: Floats) -> float:
    """Mean loss over the levels that are compared."""
    difference = truth[..., None] - compared
    levels = DENSE_LEVELS[_COMPARED]
    return float(np.maximum(levels * difference, (levels - 1) * difference).mean())


def _relative(errors: Floats, sizes: Floats) -> Floats:
    """[...] mean over steps of errors in units of the interval's half width; steps without a
    width say nothing."""
    wide = sizes > 1e-9 * np.maximum(np.nanmax(sizes, initial=0.0), 1e-300)
    count = wide.sum(axis=-1)
    total = np.where(wide, errors / np.where(wide, sizes, 1.0), 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
