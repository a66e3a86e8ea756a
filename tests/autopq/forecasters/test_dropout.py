"""Dropout by random bytes does what dropout promises."""

import pytest
import torch

from autopq.forecasters.networks.dropout import Dropout


def test_the_share_dropped_and_the_mean_are_right() -> None:
    layer = Dropout(0.25).train()
    torch.manual_seed(0)
    y = layer(torch.ones(400, 501))
    assert (y == 0).double().mean().item() == pytest.approx(0.25, abs=0.005)
    assert y.mean().item() == pytest.approx(1.0, abs=0.01)
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])


def test_elements_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = (Dropout(0.5).train()(torch.ones(20_000, 16)) != 0).double()
    correlation = torch.corrcoef(kept.T) - torch.eye(16)
    assert correlation.abs().max().item() < 0.04


def test_nothing_is_dropped_when_evaluating() -> None:
    x = torch.randn(5, 3)
    assert torch.equal(Dropout(0.9).eval()(x), x)
    assert torch.equal(Dropout(0.0).train()(x), x)


def test_the_gradient_passes_where_the_value_does() -> None:
    torch.manual_seed(1)
    x = torch.ones(64, requires_grad=True)
    y = Dropout(0.5).train()(x)
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, y.detach())


@pytest.mark.parametrize("probability", [-0.1, 1.0])
def test_a_probability_outside_its_range_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        Dropout(probability)
