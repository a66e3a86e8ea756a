"""Last-layer-only and block-local training."""

import pytest
import torch
from torch import nn

from tests.training_methods.networks import (
    AdditiveNetwork,
    SmallFlow,
    banana,
    chain,
    context,
    exact_gradients,
    gradients,
    prepared,
    regression,
)
from training_methods import (
    FitReport,
    Loss,
    MethodRefused,
    TensorData,
    Trainer,
    TrainerConfig,
    create_loss,
    create_method,
)

MSE, NLL = create_loss("mse"), create_loss("flow_nll")


def fit(method: str, model: nn.Module, loss: Loss, data: TensorData, epochs: int = 3) -> FitReport:
    runner = Trainer(
        TrainerConfig(max_epochs=epochs, batch_size=32, learning_rate=1e-2),
        generator=torch.Generator().manual_seed(0),
    )
    return runner.fit(model, loss, train=data, method=create_method(method))


def test_last_layer_only_leaves_the_rest_as_it_was() -> None:
    before = chain().state_dict()
    report = fit("last_layer_only", chain(), MSE, regression())
    after = report.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"4.weight", "4.bias"}
    assert report.method.trainable == 27
    assert all(p.requires_grad for p in report.model.parameters())


def test_last_layer_only_has_the_exact_gradient_of_the_last_layer() -> None:
    data, model = regression(), chain()
    expected = exact_gradients(model, MSE, data)
    found = gradients(prepared("last_layer_only", model, MSE, data), data)
    assert found.keys() == {"4.weight", "4.bias"}
    torch.testing.assert_close(found["4.weight"], expected["4.weight"])


def test_additive_blocks_have_the_exact_gradient_at_their_forecasts() -> None:
    data, model = regression(), AdditiveNetwork()
    expected = exact_gradients_where_used(model, MSE, data)
    method = prepared("block_local", model, MSE, data)
    found = gradients(method, data)
    for block in range(3):
        for part in ("weight", "bias"):
            name = f"stack.{block}.forecast.{part}"
            torch.testing.assert_close(found[name], expected[name])
    torch.testing.assert_close(found["stack.2.trunk.0.weight"], expected["stack.2.trunk.0.weight"])
    assert not torch.allclose(found["stack.0.trunk.0.weight"], expected["stack.0.trunk.0.weight"])
    assert not any("backcast" in name for name in found)


def exact_gradients_where_used(
    model: nn.Module, loss: Loss, data: TensorData
) -> dict[str, torch.Tensor]:
    """Of all parameters but the last block's backcast, which nothing uses."""
    model.zero_grad()
    torch.autograd.backward(loss(model(*data.x), data.y))
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_idle_backcasts_are_said_and_not_counted() -> None:
    report = fit("block_local", AdditiveNetwork(), MSE, regression())
    assert any("backcast" in finding.reason for finding in report.method.findings)
    idle = 2 * (8 * 5 + 5)
    assert report.method.trainable == report.method.stored - idle
    assert report.train_losses[-1] < report.train_losses[0]


def test_a_flow_block_sees_its_own_likelihood_alone() -> None:
    data, model = banana(), SmallFlow()
    method = prepared("block_local", model, NLL, data)
    found = gradients(method, data)
    embedded = torch.tanh(model.condition(data.x[1]))
    u = data.x[0]
    for position, block in enumerate(model.blocks):
        u, log_det = block(u.detach(), embedded)
        parameters = dict(block.named_parameters())
        wanted = torch.autograd.grad(
            NLL((u, log_det), None), list(parameters.values()), retain_graph=True
        )
        for name, gradient in zip(parameters, wanted, strict=True):
            torch.testing.assert_close(found[f"blocks.{position}.{name}"], gradient)
    assert found["condition.weight"].abs().max() > 0


def test_block_local_improves_a_flow_but_less_than_backprop() -> None:
    losses = {
        name: fit(name, SmallFlow(), NLL, banana(), epochs=20).train_losses[-1]
        for name in ("backprop", "block_local")
    }
    start = fit("backprop", SmallFlow(), NLL, banana(), epochs=1).train_losses[0]
    assert losses["backprop"] < losses["block_local"]
    assert start - losses["block_local"] > 0.2 * (start - losses["backprop"])


def test_block_local_leaves_no_hook() -> None:
    model = fit("block_local", SmallFlow(), NLL, banana()).model
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize(
    ("method", "model", "loss", "data", "reason"),
    [
        ("block_local", chain(), MSE, regression(), "f3"),
        ("block_local", SmallFlow(), MSE, banana(), "do not fit"),
        ("last_layer_only", SmallFlow(), NLL, banana(), "chain"),
        ("last_layer_only", nn.Linear(5, 3), MSE, regression(), "names no blocks"),
    ],
)
def test_refusals(method: str, model: nn.Module, loss: Loss, data: TensorData, reason: str) -> None:
    with pytest.raises(MethodRefused, match=reason):
        fit(method, model, loss, data)


def test_checking_changes_nothing() -> None:
    model = SmallFlow()
    create_method("block_local").check(model, NLL, context(banana()))
    fresh = SmallFlow().state_dict()
    assert all(torch.equal(value, fresh[name]) for name, value in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
