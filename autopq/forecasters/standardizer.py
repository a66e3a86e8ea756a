"""Inputs of a network: centred, scaled, without holes and without extremes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from autopq.forecasters.base import Arrays

Singles = npt.NDArray[np.float32]

# A network extrapolates linearly; what lies further out is held at the edge of what it saw.
_LIMIT = 6.0
_FLAT = 1e-6


@dataclass(frozen=True)
class Standardizer:
    """Per column: (x - mean) / spread, clipped to ±6; unknown values become the mean."""

    mean: Singles  # [K]
    spread: Singles  # [K]

    @classmethod
    def fit(cls, x: Singles) -> Self:
        """From [rows, K]; every column has at least one known value."""
        mean = np.asarray(np.nanmean(x, axis=0, dtype=np.float64))
        spread = np.asarray(np.nanstd(x, axis=0, dtype=np.float64))
        flat = spread < _FLAT * np.maximum(1.0, np.abs(mean))
        return cls(
            np.asarray(mean, np.float32), np.asarray(np.where(flat, 1.0, spread), np.float32)
        )

    def transform(self, x: Singles) -> Singles:
        """[rows, K] standardised copy."""
        standard: Singles = (x - self.mean) / self.spread
        np.clip(standard, -_LIMIT, _LIMIT, out=standard)
        standard[np.isnan(standard)] = 0.0
        return standard

    def to_arrays(self) -> Arrays:
        return {"input_mean": self.mean, "input_spread": self.spread}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(arrays["input_mean"], arrays["input_spread"])
