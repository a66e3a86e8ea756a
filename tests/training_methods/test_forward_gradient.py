"""Forward gradients: derivatives of every model family, both perturbations, and their options."""

import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training_methods.networks import (
    AdditiveNetwork,
    SmallFlow,
    banana,
    chain,
    exact_gradients,
    gradients,
    prepared,
    regression,
)
from training_methods import (
    BlockSpec,
    EpochReport,
    Loss,
    MethodRefused,
    TensorData,
    Trainer,
    TrainerConfig,
    TrainingMethod,
    create_loss,
    create_method,
)

MSE = create_loss("mse")


def double(data: TensorData) -> TensorData:
    return TensorData(
        tuple(x.double() for x in data.x), None if data.y is None else data.y.double()
    )


def flat(found: dict[str, Tensor]) -> Tensor:
    return torch.cat([value.flatten() for value in found.values()])


class Sequence(nn.Module):
    """[n, 5] as five steps of one value, through one of the layers that need special kernels."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.embed = nn.Linear(1, 8)
        self.layer: nn.Module
        if kind == "lstm":
            self.layer = nn.LSTM(8, 8, batch_first=True)
        elif kind == "gru":
            self.layer = nn.GRU(8, 8, batch_first=True)
        else:
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.last = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.layer(self.embed(x.unsqueeze(-1)))
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        return self.last(hidden[:, -1])  # type: ignore[no-any-return]


def families() -> dict[str, tuple[nn.Module, Loss, TensorData]]:
    torch.manual_seed(0)
    return {
        "mlp": (chain(), MSE, regression()),
        "additive": (AdditiveNetwork(), MSE, regression()),
        "flow": (SmallFlow(), create_loss("flow_nll"), banana()),
        "lstm": (Sequence("lstm"), MSE, regression()),
        "gru": (Sequence("gru"), MSE, regression()),
        "transformer": (Sequence("transformer"), MSE, regression()),
        "batch_norm": (
            nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)),
            MSE,
            regression(),
        ),
        "layer_norm": (
            nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)),
            MSE,
            regression(),
        ),
    }


@pytest.mark.parametrize("family", list(families()))
def test_one_tangent_carries_the_derivative_of_every_family(family: str) -> None:
    """With a single tangent the raw mean is d·v, so ⟨ĝ, g⟩ must equal d² for d = ⟨g, v⟩."""
    model, loss, data = families()[family]
    model.double()
    data = double(data)
    method = prepared(
        "forward_gradient", model, loss, data, tangents=1, perturbation="weight",
        exact_output=False, aggregation="mean", scale="raw",
    )  # fmt: skip
    estimate = flat(gradients(method, data))
    model.zero_grad()
    torch.autograd.backward(loss(model(*data.x), data.y))
    exact = torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in model.parameters()]
    )
    # ĝ = d v, so ⟨g, ĝ⟩ = d²; the direction v is ĝ/d, hence d = ±√⟨g, ĝ⟩ and ‖ĝ‖ = |d| ‖v‖.
    squared = estimate @ exact
    assert squared > 0
    direction = estimate / squared.sqrt()
    assert (direction @ exact).item() == pytest.approx(squared.sqrt().item(), rel=1e-9)
    eps = 1e-6
    with torch.no_grad():
        moved = []
        for sign in (1, -1):
            start = 0
            for p in model.parameters():
                part = direction[start : start + p.numel()].view_as(p)
                p.add_(sign * eps * part)
                start += p.numel()
            moved.append(loss(model(*data.x), data.y).item())
            start = 0
            for p in model.parameters():
                p.sub_(sign * eps * direction[start : start + p.numel()].view_as(p))
                start += p.numel()
    slope = (moved[0] - moved[1]) / (2 * eps)
    assert slope == pytest.approx(squared.sqrt().item(), rel=1e-4)


@pytest.mark.parametrize("family", list(families()))
def test_as_many_orthonormal_tangents_as_weights_are_backprop(family: str) -> None:
    model, loss, data = families()[family]
    model.double()
    data = double(data)
    weights = sum(p.numel() for p in model.parameters())
    if weights > 800:
        pytest.skip("the smaller families say the same")
    method = prepared(
        "forward_gradient", model, loss, data, tangents=weights, orthonormal=True,
        perturbation="weight", exact_output=False, chunk_size=200,
    )  # fmt: skip
    found = gradients(method, data)
    model.zero_grad()
    torch.autograd.backward(loss(model(*data.x), data.y))
    for name, parameter in model.named_parameters():
        expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(found[name], expected, rtol=0, atol=1e-10)


def test_activity_tangents_spanning_all_outputs_are_backprop() -> None:
    model, data = chain(), regression()
    expected = exact_gradients(model, MSE, data)
    for exact_output, dimension in ((True, 16), (False, 19)):
        for per_sample in (True, False):
            method = prepared(
                "forward_gradient", model, MSE, data, tangents=dimension,
                orthonormal=True, exact_output=exact_output, per_sample=per_sample,
            )  # fmt: skip
            found = gradients(method, data)
            method.merge()
            for name in expected:
                torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-6)


def test_activity_mode_is_the_projection_of_backprop_at_the_block_output() -> None:
    """With one sample a batch the bias gradient shows ĝ at the hidden output; with tangents shared
    by all samples one matrix must turn every exact gradient into its estimate, and that matrix
    must be an orthogonal projector of rank k."""
    model, data = chain(hidden=1, outputs=10).double(), double(regression(outputs=10))
    method = prepared(
        "forward_gradient", model, MSE, data, tangents=3, scale="raw", per_sample=False
    )
    exact, estimated = [], []
    for sample in range(30):
        index = torch.tensor([sample])
        hidden = model[:2](data.x[0][index]).detach().requires_grad_()
        assert data.y is not None
        (gradient,) = torch.autograd.grad(MSE(model[2:](hidden), data.y[index]), hidden)
        exact.append(gradient[0])
        bias = gradients(method, data, index)["0.bias"]
        estimated.append(bias / (1 - hidden.detach()[0].square()))
    projector = torch.linalg.lstsq(torch.stack(exact), torch.stack(estimated)).solution
    torch.testing.assert_close(projector @ projector, projector, rtol=0, atol=1e-8)
    torch.testing.assert_close(projector, projector.T, rtol=0, atol=1e-8)
    assert torch.linalg.matrix_rank(projector, tol=1e-6) == 3


def test_dropout_masks_agree_between_derivatives_and_local_pass() -> None:
    """With a spanning set the estimate is exact, but only if all passes see one mask."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3))
    data = regression()
    method = prepared("forward_gradient", model, MSE, data, tangents=8, orthonormal=True)
    torch.manual_seed(4)
    found = gradients(method, data)
    torch.manual_seed(4)
    model.zero_grad()
    torch.autograd.backward(MSE(model(*data.x), data.y))
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=0, atol=1e-6)


def test_tangents_depend_on_seed_and_step_and_not_on_chunks() -> None:
    data = regression()

    def estimate(step: int, chunk_size: int | None) -> Tensor:
        method = prepared("forward_gradient", chain(), MSE, data, tangents=8, chunk_size=chunk_size)
        return flat(gradients(method, data, step=step))

    torch.testing.assert_close(estimate(5, None), estimate(5, 3), rtol=1e-5, atol=1e-7)
    assert torch.equal(estimate(5, None), estimate(5, None))
    assert not torch.allclose(estimate(5, None), estimate(6, None))


def test_the_exact_output_layer_is_exact_in_both_perturbations() -> None:
    model, data = chain(), regression()
    expected = exact_gradients(model, MSE, data)
    for perturbation in ("activity", "weight"):
        method = prepared(
            "forward_gradient", model, MSE, data, tangents=2, perturbation=perturbation
        )
        found = gradients(method, data)
        method.merge()
        torch.testing.assert_close(found["4.weight"], expected["4.weight"])
        assert not torch.allclose(found["0.weight"], expected["0.weight"], rtol=0.1)


def test_more_tangents_than_dimensions_are_cut_to_the_dimension() -> None:
    model, data = chain(hidden=1), regression()
    method = prepared("forward_gradient", model, MSE, data, tangents=50, orthonormal=True)
    found = gradients(method, data)
    torch.testing.assert_close(
        found["0.weight"], exact_gradients(model, MSE, data)["0.weight"], rtol=0, atol=1e-6
    )
    assert method.report().jvps == 8


def test_batch_norm_still_learns_its_running_statistics() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    data = regression()
    method = prepared(
        "forward_gradient", model, MSE, data, perturbation="weight", exact_output=False
    )
    gradients(method, data)
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.num_batches_tracked == 1
    assert norm.running_mean is not None
    assert norm.running_mean.abs().max() > 0


def fit(
    method: TrainingMethod, runner: Trainer, model: nn.Module, loss: Loss, data: TensorData
) -> Any:
    return runner.fit(model, loss, train=data, method=method)


@pytest.mark.parametrize("perturbation", ["activity", "weight"])
def test_training_resumes_bit_identically(perturbation: str) -> None:
    config = TrainerConfig(max_epochs=4, batch_size=20, learning_rate=1e-2)
    saved = io.BytesIO()

    def on_epoch(report: EpochReport) -> None:
        if report.epoch == 2:
            torch.save(through.state_dict(), saved)

    def run(runner: Trainer, seed: int) -> dict[str, Tensor]:
        method = create_method("forward_gradient", tangents=4, perturbation=perturbation)
        model: nn.Module = fit(method, runner, chain(seed), MSE, regression()).model
        return dict(model.state_dict())

    through = Trainer(config, generator=torch.Generator().manual_seed(1), on_epoch=on_epoch)
    expected = run(through, 0)
    saved.seek(0)
    resumed = Trainer(config, generator=torch.Generator().manual_seed(2))
    resumed.load_state_dict(torch.load(saved, weights_only=True))
    found = run(resumed, 9)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize("family", ["mlp", "flow", "lstm"])
def test_training_lowers_the_loss_of(family: str) -> None:
    model, loss, data = families()[family]
    runner = Trainer(
        TrainerConfig(max_epochs=15, batch_size=32, learning_rate=1e-2),
        generator=torch.Generator().manual_seed(0),
    )
    report = fit(create_method("forward_gradient"), runner, model, loss, data)
    assert report.train_losses[-1] < report.train_losses[0] - 0.1 * abs(report.train_losses[0])


class Coupled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]

    def block_spec(self) -> BlockSpec:
        return BlockSpec(("net.1", "net.2"))


@pytest.mark.parametrize(
    ("model", "loss", "data", "options", "reason"),
    [
        (Coupled(), MSE, regression(), {}, "BatchNorm"),
        (nn.Linear(5, 3), MSE, regression(), {"perturbation": "activity"}, "chain"),
        (SmallFlow(), create_loss("flow_nll"), banana(), {"exact_output": True}, "chain"),
    ],
)
def test_refusals(
    model: nn.Module, loss: Loss, data: TensorData, options: dict[str, Any], reason: str
) -> None:
    runner = Trainer(
        TrainerConfig(max_epochs=1, batch_size=16, learning_rate=1e-3), generator=torch.Generator()
    )
    with pytest.raises(MethodRefused, match=reason):
        fit(create_method("forward_gradient", **options), runner, model, loss, data)


@pytest.mark.parametrize(
    "options",
    [
        {"tangents": 0},
        {"perturbation": "x"},
        {"aggregation": "x"},
        {"scale": "x"},
        {"distribution": "x"},
        {"chunk_size": 0},
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        create_method("forward_gradient", **options)
