"""Tangents and what gradient estimates are made of: the mathematics of forward gradients.

With tangents v_1..v_k in Rⁿ and directional derivatives d_j = ⟨g, v_j⟩ of a gradient g:

    mean        ĝ = (1/k) Σ_j d_j v_j         unbiased for normal and Rademacher tangents
    projection  ĝ = V (VᵀV)⁻¹ d               orthogonal projection of g on the span; E ĝ = (k/n) g

Tensors are batched: tangents [..., k, n], derivatives [..., k].
"""

from typing import Literal

import torch
from torch import Tensor

Aggregation = Literal["projection", "mean"]
Distribution = Literal["normal", "rademacher"]
Scale = Literal["unbiased", "raw"]


def draw_tangents(
    shape: tuple[int, ...],
    *,
    distribution: Distribution,
    orthonormal: bool,
    generator: torch.Generator,
    dtype: torch.dtype,
) -> Tensor:
    """Fresh tangents [..., k, n] on the generator's device; orthonormal rows if asked (k ≤ n)."""
    if distribution == "normal":
        tangents = torch.randn(shape, generator=generator, device=generator.device, dtype=dtype)
    else:
        signs = torch.randint(0, 2, shape, generator=generator, device=generator.device)
        tangents = (2 * signs - 1).to(dtype)
    return orthonormalized(tangents) if orthonormal else tangents


def orthonormalized(tangents: Tensor) -> Tensor:
    """Orthonormal rows with the same span, in double precision inside."""
    basis, _ = torch.linalg.qr(tangents.double().mT)
    rows: Tensor = basis.mT.to(tangents.dtype)
    return rows.contiguous()


def aggregate(
    tangents: Tensor,
    derivatives: Tensor,
    *,
    aggregation: Aggregation,
    scale: Scale,
    orthonormal: bool,
) -> Tensor:
    """[..., n] gradient estimate. `unbiased` makes its expectation the gradient itself."""
    count, dimension = tangents.shape[-2:]
    if orthonormal:
        estimate = combined(tangents, derivatives)
        if scale == "unbiased":
            return estimate * (dimension / count)
        return estimate if aggregation == "projection" else estimate / count
    if aggregation == "mean":
        return combined(tangents, derivatives) / count
    estimate = combined(tangents, solve_gram(tangents, derivatives))
    return estimate * (dimension / count) if scale == "unbiased" else estimate


def combined(tangents: Tensor, weights: Tensor) -> Tensor:
    """Σ_j weights_j v_j, [..., n]."""
    return torch.matmul(weights.unsqueeze(-2), tangents).squeeze(-2)


def solve_gram(tangents: Tensor, derivatives: Tensor) -> Tensor:
    """[..., k] solution of (V Vᵀ) c = d for rows V.

    Near k = n the Gram matrix is ill-conditioned and is formed in double precision; far from it
    single precision loses nothing. Dependent tangents (possible for Rademacher) fall back to the
    pseudo-inverse.
    """
    count, dimension = tangents.shape[-2:]
    rows = tangents if 4 * count <= dimension else tangents.double()
    gram = torch.matmul(rows, rows.mT).double()
    right = derivatives.double().unsqueeze(-1)
    factor, failed = torch.linalg.cholesky_ex(gram)
    smallest = factor.diagonal(dim1=-2, dim2=-1).square().amin(-1)
    largest = gram.diagonal(dim1=-2, dim2=-1).amax(-1)
    if bool(((failed > 0) | (smallest < 1e-12 * largest)).any()):
        solution = torch.linalg.pinv(gram, hermitian=True) @ right
    else:
        solution = torch.cholesky_solve(right, factor)
    coefficients: Tensor = solution.squeeze(-1)
    return coefficients.to(derivatives.dtype)
