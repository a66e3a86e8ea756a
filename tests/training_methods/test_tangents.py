"""Gradient estimates against their closed formulas: Gaussian tangents, n dimensions, k tangents."""

import pytest
import torch
from torch import Tensor

from training_methods.tangents import (
    Aggregation,
    Distribution,
    Scale,
    aggregate,
    draw_tangents,
    orthonormalized,
)

N, K = 24, 6


def tangents(
    draws: int, count: int = K, dimension: int = N, distribution: Distribution = "normal"
) -> Tensor:
    return draw_tangents(
        (draws, count, dimension),
        distribution=distribution,
        orthonormal=False,
        generator=torch.Generator().manual_seed(3),
        dtype=torch.float64,
    )


def gradient(dimension: int = N) -> Tensor:
    return torch.linspace(-1, 2, dimension, dtype=torch.float64)


def estimates(
    rows: Tensor, aggregation: Aggregation, scale: Scale = "raw", orthonormal: bool = False
) -> Tensor:
    return aggregate(
        rows,
        rows @ gradient(rows.shape[-1]),
        aggregation=aggregation,
        scale=scale,
        orthonormal=orthonormal,
    )


@pytest.mark.parametrize("distribution", ["normal", "rademacher"])
def test_the_mean_is_unbiased(distribution: Distribution) -> None:
    found = estimates(tangents(40_000, distribution=distribution), "mean")
    z = (found.mean(0) - gradient()) / (found.std(0) / 40_000**0.5)
    assert z.abs().max() < 5


def test_the_projection_shrinks_to_k_over_n_and_unbiased_undoes_it() -> None:
    raw = estimates(tangents(40_000), "projection")
    spread = raw.std(0) / 40_000**0.5
    assert ((raw.mean(0) - K / N * gradient()) / spread).abs().max() < 5
    unbiased = estimates(tangents(100), "projection", "unbiased")
    torch.testing.assert_close(unbiased, N / K * estimates(tangents(100), "projection"))


@pytest.mark.parametrize(
    ("aggregation", "scale", "second_moment", "error"),
    [
        ("mean", "raw", (N + K + 1) / K, (N + 1) / K),
        ("mean", "unbiased", (N + K + 1) / K, (N + 1) / K),
        ("projection", "raw", K / N, 1 - K / N),
        ("projection", "unbiased", N / K, N / K - 1),
    ],
)
def test_second_moments_follow_the_formulas(
    aggregation: Aggregation, scale: Scale, second_moment: float, error: float
) -> None:
    g = gradient()
    found = estimates(tangents(40_000), aggregation, scale)
    norm = g.square().sum()
    assert (found.square().sum(1).mean() / norm).item() == pytest.approx(second_moment, rel=0.03)
    mean_error = (found - g).square().sum(1).mean() / norm
    assert mean_error.item() == pytest.approx(error, rel=0.03)


def test_the_projection_never_lengthens_and_is_idempotent() -> None:
    for count in (1, K, N - 1, N):
        rows = tangents(50, count)
        once = estimates(rows, "projection")
        assert (once.norm(dim=1) <= gradient().norm() * (1 + 1e-6)).all()
        again = aggregate(
            rows,
            (rows @ once.unsqueeze(-1)).squeeze(-1),
            aggregation="projection",
            scale="raw",
            orthonormal=False,
        )
        torch.testing.assert_close(again, once, rtol=1e-6, atol=1e-6)
        assert ((once @ gradient()) - once.square().sum(1)).abs().max() < 1e-6


def test_the_projection_depends_on_the_span_alone() -> None:
    rows = tangents(20)
    mixing = torch.randn(20, K, K, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(
        estimates(mixing @ rows, "projection"), estimates(rows, "projection"), rtol=1e-6, atol=1e-6
    )


def test_for_orthonormal_tangents_the_projection_is_the_sum() -> None:
    rows = orthonormalized(tangents(20))
    torch.testing.assert_close(
        rows @ rows.mT, torch.eye(K, dtype=torch.float64).expand(20, K, K), rtol=0, atol=1e-12
    )
    plain_sum = torch.einsum("bk,bkn->bn", rows @ gradient(), rows)
    torch.testing.assert_close(estimates(rows, "projection", orthonormal=True), plain_sum)
    torch.testing.assert_close(estimates(rows, "projection"), plain_sum)
    torch.testing.assert_close(estimates(rows, "mean", orthonormal=True), plain_sum / K)
    torch.testing.assert_close(estimates(rows, "mean", "unbiased", True), plain_sum * N / K)


def test_a_full_orthonormal_set_gives_the_gradient_itself() -> None:
    rows = orthonormalized(tangents(1, N))
    found = estimates(rows, "projection", "unbiased", True)[0]
    torch.testing.assert_close(found, gradient(), rtol=0, atol=1e-10)


def test_dependent_tangents_still_project() -> None:
    rows = torch.cat([tangents(5, 2), tangents(5, 2)], 1)
    torch.testing.assert_close(
        estimates(rows, "projection"), estimates(tangents(5, 2), "projection")
    )


@pytest.mark.parametrize("count", [4, 16])
def test_descent_on_a_sphere_contracts_at_the_predicted_rate(count: int) -> None:
    """f = ½‖x‖² with the best fixed step: 1 − k/n a step for the projection, 1 − k/(n+k+1) for
    the mean; compared on the logarithm, where a wrong estimator is far off."""
    n, steps = 64, 200
    for aggregation, rate, length in (
        ("projection", 1 - count / n, 1.0),
        ("mean", 1 - count / (n + count + 1), count / (n + count + 1)),
    ):
        shrunk = []
        for seed in range(3):
            generator = torch.Generator().manual_seed(seed)
            x = torch.ones(n, dtype=torch.float64)
            for _ in range(steps):
                rows = torch.randn(count, n, generator=generator, dtype=torch.float64)
                step = aggregate(
                    rows,
                    rows @ x,
                    aggregation=aggregation,  # type: ignore[arg-type]
                    scale="raw",
                    orthonormal=False,
                )
                x = x - length * step
            shrunk.append(x.square().sum().log().item() - torch.tensor(n).log().item())
        predicted = steps * torch.tensor(rate).log().item()
        assert sum(shrunk) / 3 == pytest.approx(predicted, rel=0.15)
