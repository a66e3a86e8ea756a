"""Losses against closed forms."""

import math

import pytest
import torch

from training_methods import create_loss


def test_gaussian_nll_is_that_of_torch_and_least_at_the_truth() -> None:
    loss = create_loss("gaussian_nll")
    y = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    mean, raw = torch.tensor([[0.5, -1.0], [0.0, 2.0]]), torch.tensor([[0.3, 1.0], [-1.0, 0.0]])
    spread = torch.log1p(raw.exp()) + 1e-3
    expected = -torch.distributions.Normal(mean, spread).log_prob(y).mean(1)
    found = loss.per_sample(torch.stack([mean, raw], dim=-1), y)
    torch.testing.assert_close(found + math.log(2 * math.pi) / 2, expected)
    draws = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0))
    truth = math.log(math.expm1(1.0 - 1e-3))
    at = {
        raw: loss(torch.tensor([0.0, raw]).expand(*draws.shape, 2), draws).item()
        for raw in (truth - 0.3, truth, truth + 0.3)
    }
    assert min(at, key=at.__getitem__) == truth


def test_gaussian_nll_names_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"gaussian_nll.*followed by mean and spread"):
        create_loss("gaussian_nll")(torch.zeros(4, 3), torch.zeros(4, 3))
