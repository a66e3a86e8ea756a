"""Sampling a flow: noise in latent space, carried back to windows.

Noise is quasi-random (scrambled Sobol points) and drawn once, so everything but the spread can be
held fixed while the spread is searched, and quantiles need fewer samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from autopq.quantiles.decoding import decode_samples
from autopq.quantiles.flow import ConditionalFlow

# How a sample arises from the point forecast's latent z, the spread σ and the noise ε:
# `multiplicative` z(1 + σε), as published; `additive` z + σε; `prior` σε, without a point.
Perturbation = Literal["multiplicative", "additive", "prior"]

# Samples decoded at once: large enough to keep a core busy, small enough to stay in its cache.
_CHUNK_SAMPLES = 4096
_EDGE = 1e-7  # keeps the normal quantile finite; beyond 5 standard deviations


class QuasiNormal:
    """Standard normal noise [n, S, D]: one Sobol set for all windows, rotated for each.

    The rotation (Cranley and Patterson 1976) makes windows independent of each other; a window's
    noise does not depend on how windows are cut into chunks.
    """

    def __init__(self, windows: int, samples: int, dimensions: int, rng: np.random.Generator):
        seed = int(rng.integers(2**31))
        # torch leaves this constructor without types.
        engine = torch.quasirandom.SobolEngine(dimensions, True, seed)  # type: ignore[no-untyped-call]
        self.points: Tensor = engine.draw(samples)
        self.rotations = torch.from_numpy(rng.random((windows, dimensions), dtype=np.float32))

    def __len__(self) -> int:
        return len(self.points)

    def rows(self, which: slice) -> Tensor:
        """float32 [m, S, D] noise of some windows."""
        uniform = (self.points + self.rotations[which, None, :]) % 1.0
        normal: Tensor = torch.special.ndtri(uniform.clamp_(_EDGE, 1 - _EDGE))
        return normal


@dataclass(frozen=True)
class LatentDraws:
    """A sampling of one flow with everything fixed but the spread."""

    flow: ConditionalFlow
    embedding: Tensor | None  # [n, E]
    latent: Tensor | None  # [n, D] of the point forecast; None with `prior`
    noise: QuasiNormal
    perturbation: Perturbation

    @classmethod
    @torch.inference_mode()
    def prepare(
        cls,
        flow: ConditionalFlow,
        condition: Tensor,
        point: Tensor | None,
        perturbation: Perturbation,
        samples: int,
        rng: np.random.Generator,
    ) -> "LatentDraws":
        """From conditions [n, C] and, unless `prior`, point forecasts [n, D], both scaled as the
        flow was trained."""
        device = next(flow.parameters()).device
        embedding = flow.embed(condition.to(device))
        latent = None
        if perturbation != "prior":
            if point is None:
                raise ValueError(f"{perturbation} noise needs point forecasts")
            latent, _ = flow.encode(point.to(device), embedding)
        noise = QuasiNormal(len(condition), samples, flow.settings.dimensions, rng)
        return cls(flow, embedding, latent, noise, perturbation)

    @torch.inference_mode()
    def samples(self, spread: float, rows: slice) -> Tensor:
        """float32 [m, S, D] on the CPU, in the flow's scaled units."""
        embedding = None if self.embedding is None else self.embedding[rows]
        noise = self.noise.rows(rows).to(next(self.flow.parameters()).device)
        return decode_samples(self.flow, self._perturbed(spread, noise, rows), embedding).cpu()

    def _perturbed(self, spread: float, noise: Tensor, rows: slice) -> Tensor:
        if self.latent is None:
            return spread * noise
        latent = self.latent[rows, None, :]
        if self.perturbation == "multiplicative":
            return latent * (1 + spread * noise)
        return latent + spread * noise


def chunks(windows: int, samples: int) -> Iterator[slice]:
    """Slices of windows that keep sampling memory bounded."""
    size = max(1, _CHUNK_SAMPLES // samples)
    return (slice(first, min(first + size, windows)) for first in range(0, windows, size))
