"""Noise in latent space: its distribution, its three kinds, and that chunks do not matter."""

import numpy as np
import pytest
import torch

from autopq.evaluation.grid import normal_score
from autopq.quantiles.flow import ConditionalFlow, FlowSettings
from autopq.quantiles.flow_model import Draws
from autopq.quantiles.latent import LatentDraws, QuasiNormal, chunks


def flow_with(weights):
    """Weights 0 make the flow a permutation."""
    generator = torch.Generator().manual_seed(0)
    flow = ConditionalFlow(FlowSettings(4, 3), generator)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.copy_(weights * torch.randn(parameter.shape, generator=generator))
    return flow.eval()


def draws_of(flow, perturbation, windows=5, samples=500, seed=0):
    generator = torch.Generator().manual_seed(1)
    condition = torch.randn(windows, 3, generator=generator)
    point = torch.randn(windows, 4, generator=generator)
    rng = np.random.default_rng(seed)
    part = LatentDraws.prepare(
        flow, condition, None if perturbation == "prior" else point, perturbation, samples, rng
    )
    zero, one = np.zeros((windows, 1)), np.ones((windows, 1))
    return Draws((part,), zero, one), point.numpy()


def test_noise_is_standard_normal_and_independent_between_windows_and_steps():
    noise = QuasiNormal(40, 512, 3, np.random.default_rng(0)).rows(slice(None)).numpy()
    assert noise.mean(axis=1) == pytest.approx(0, abs=0.03)
    assert noise.std(axis=1) == pytest.approx(1, abs=0.03)
    flat = noise.transpose(1, 0, 2).reshape(512, -1)
    correlation = np.corrcoef(flat.T) - np.eye(flat.shape[1])
    assert np.abs(correlation).mean() < 0.1


def test_identity_flow_with_additive_noise_gives_normal_quantiles():
    draws, point = draws_of(flow_with(0.0), "additive", samples=1024)
    levels = np.array([0.05, 0.3, 0.5, 0.9])
    found = draws.quantiles(0.7, slice(None), levels)
    assert found == pytest.approx(point[:, :, None] + 0.7 * normal_score(levels), abs=0.02)


def test_prior_noise_ignores_the_point_and_scales():
    draws, _ = draws_of(flow_with(0.0), "prior", samples=1024)
    found = draws.quantiles(2.0, slice(None), np.array([0.1, 0.9]))
    expected = np.broadcast_to(2.0 * normal_score([0.1, 0.9]), found.shape)
    assert found == pytest.approx(expected, abs=0.04)


def test_multiplicative_noise_leaves_a_zero_latent_alone():
    flow = flow_with(0.0)
    part = LatentDraws.prepare(
        flow,
        torch.zeros(1, 3),
        torch.tensor([[0.0, 1.0, 0.0, 2.0]]),
        "multiplicative",
        200,
        np.random.default_rng(0),
    )
    deviation = part.samples(0.5, slice(None)).std(dim=1)[0]
    assert deviation == pytest.approx([0.0, 0.5, 0.0, 1.0], abs=0.02)


@pytest.mark.parametrize("perturbation", ["additive", "multiplicative"])
def test_spread_zero_returns_the_point(perturbation):
    draws, point = draws_of(flow_with(0.3), perturbation)
    paths = draws.paths(0.0, slice(None))
    assert np.abs(paths - point[:, None, :]).max() <= 1e-5


@pytest.mark.parametrize("perturbation", ["additive", "multiplicative", "prior"])
def test_width_grows_with_the_spread(perturbation):
    draws, _ = draws_of(flow_with(0.2), perturbation)
    widths = [
        np.ptp(draws.quantiles(spread, slice(None), np.array([0.05, 0.95])), axis=-1).mean()
        for spread in (0.1, 0.3, 0.6, 1.0)
    ]
    assert (np.diff(widths) > 0).all()


@pytest.mark.parametrize("perturbation", ["additive", "prior"])
def test_samples_do_not_depend_on_how_windows_are_cut(perturbation):
    draws, _ = draws_of(flow_with(0.2), perturbation)
    whole = draws.paths(0.5, slice(None))
    cut = np.concatenate([draws.paths(0.5, slice(i, i + 1)) for i in range(5)])
    assert cut == pytest.approx(whole, abs=1e-5)


def test_same_seed_same_samples_other_seed_other_samples():
    first, again, other = (draws_of(flow_with(0.2), "additive", seed=s)[0] for s in (0, 0, 1))
    assert (first.paths(0.5, slice(None)) == again.paths(0.5, slice(None))).all()
    assert not np.allclose(first.paths(0.5, slice(None)), other.paths(0.5, slice(None)))


def test_sampling_keeps_no_autograd_state():
    draws, _ = draws_of(flow_with(0.2), "additive")
    sample = draws.parts[0].samples(0.5, slice(None))
    assert sample.is_inference()
    assert not sample.requires_grad


def test_recentring_moves_the_mean_by_its_share():
    draws, _ = draws_of(flow_with(0.2), "prior")
    center, size = np.zeros((5, 1)), np.ones((5, 1))
    means = [
        Draws(draws.parts, center, size, share).paths(1.0, slice(None)).mean(axis=1)
        for share in (0.0, 0.5, 1.0)
    ]
    assert means[1] == pytest.approx(means[0] / 2, abs=1e-5)
    assert means[2] == pytest.approx(0, abs=1e-5)
    assert np.abs(means[0]).max() > 0.01


@pytest.mark.parametrize(("windows", "samples"), [(1, 1), (100, 1000), (7, 10**6), (0, 10)])
def test_chunks_cover_every_window_once_within_the_memory_bound(windows, samples):
    parts = list(chunks(windows, samples))
    assert [i for part in parts for i in range(windows)[part]] == list(range(windows))
    assert all((part.stop - part.start) * samples <= max(4096, samples) for part in parts)
