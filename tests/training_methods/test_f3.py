"""F³: every analytic property of the update rule, and its place between DRTP and backprop."""

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
    context,
    exact_gradients,
    gradients,
    prepared,
    regression,
)
from training_methods import (
    BlockSpec,
    EpochReport,
    MethodRefused,
    TensorData,
    Trainer,
    TrainerConfig,
    TrainingMethod,
    create_loss,
    create_method,
)

MSE = create_loss("mse")
TOLERANCE = {"rtol": 1e-5, "atol": 1e-7}


def state_of(method: TrainingMethod) -> dict[str, Any]:
    return method.state_dict()


def with_errors(method: TrainingMethod, errors: Tensor) -> TrainingMethod:
    method.load_state_dict({**method.state_dict(), "errors": errors})
    return method


def test_the_last_block_has_its_exact_gradient() -> None:
    model, data = chain(), regression()
    expected = exact_gradients(model, MSE, data)
    found = gradients(prepared("f3", model, MSE, data), data)
    for name in ("4.weight", "4.bias"):
        torch.testing.assert_close(found[name], expected[name], **TOLERANCE)


@pytest.mark.parametrize("feedback", ["trinomial", "binomial", "kaiming", "identity"])
def test_hidden_gradients_follow_the_formula(feedback: str) -> None:
    model, data = chain(), regression()
    assert data.y is not None
    method = prepared("f3", model, MSE, data, feedback=feedback, feedback_scale=0.5)
    errors = torch.randn(64, 3, generator=torch.Generator().manual_seed(9))
    with_errors(method, errors)
    matrices = state_of(method)["matrices"]
    found = gradients(method, data)
    with torch.no_grad():
        first = model[:2](data.x[0])
        second = model[2:4](first)
        for inputs, outputs, matrix, layer in (
            (data.x[0], first, matrices[0], "0"),
            (first, second, matrices[1], "2"),
        ):
            delta = (errors @ matrix) * (1 - outputs.square()) / (64 * 3)
            torch.testing.assert_close(found[f"{layer}.weight"], delta.T @ inputs, **TOLERANCE)
            torch.testing.assert_close(found[f"{layer}.bias"], delta.sum(0), **TOLERANCE)


def test_hidden_gradients_do_not_depend_on_later_weights() -> None:
    data = regression()
    model = chain()
    method = prepared("f3", model, MSE, data)
    before = gradients(with_errors(method, torch.ones(64, 3)), data)
    with torch.no_grad():
        model[2].weight.mul_(3)
        model[4].weight.mul_(-2)
    after = gradients(with_errors(method, torch.ones(64, 3)), data)
    assert torch.equal(before["0.weight"], after["0.weight"])
    assert not torch.allclose(before["4.weight"], after["4.weight"])


def test_no_error_no_hidden_gradient() -> None:
    data = regression()
    found = gradients(with_errors(prepared("f3", chain(), MSE, data), torch.zeros(64, 3)), data)
    assert all(found[name].abs().max() == 0 for name in ("0.weight", "0.bias", "2.weight"))
    assert found["4.weight"].abs().max() > 0


def test_first_epoch_is_random_target_projection() -> None:
    data = regression()
    delayed = gradients(prepared("f3", chain(), MSE, data), data)
    target = gradients(prepared("f3", chain(), MSE, data, error="target"), data)
    assert all(torch.equal(delayed[name], target[name]) for name in target)


def test_with_fresh_errors_it_is_direct_feedback_alignment() -> None:
    data, model = regression(), chain()
    assert data.y is not None
    delayed = prepared("f3", model, MSE, data)
    with torch.no_grad():
        with_errors(delayed, data.y - model(*data.x))
    current = gradients(prepared("f3", chain(), MSE, data, error="current"), data)
    found = gradients(delayed, data)
    for name in current:
        torch.testing.assert_close(found[name], current[name], **TOLERANCE)


def test_errors_are_kept_by_sample_whatever_the_order() -> None:
    data = regression()
    stored = []
    for seed in (1, 2):
        method = prepared("f3", chain(), MSE, data)
        order = torch.randperm(64, generator=torch.Generator().manual_seed(seed))
        for index in order.split(10):
            gradients(method, data, index)
        stored.append(state_of(method)["errors"])
    torch.testing.assert_close(stored[0], stored[1], **TOLERANCE)
    assert data.y is not None
    with torch.no_grad():
        torch.testing.assert_close(stored[0], data.y - chain()(*data.x), **TOLERANCE)


def test_a_doubled_batch_changes_no_gradient() -> None:
    data = regression()
    method = prepared("f3", chain(), MSE, data, error="current")
    once = gradients(method, data, torch.arange(16))
    twice = gradients(method, data, torch.arange(16).repeat(2))
    for name in once:
        torch.testing.assert_close(twice[name], once[name], **TOLERANCE)


def test_a_single_block_is_backprop() -> None:
    data, model = regression(), chain(hidden=0)
    expected = exact_gradients(model, MSE, data)
    found = gradients(prepared("f3", model, MSE, data), data)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "signal", "stored"),
    [
        (MSE, "residual", lambda y, out: y - out),
        (MSE, "loss_grad", lambda y, out: 2 * (y - out)),
        (create_loss("mae"), "loss_grad", lambda y, out: (y - out).sign()),
    ],
)
def test_signals_of_regression(loss: Any, signal: str, stored: Any) -> None:
    data, model = regression(), chain()
    method = prepared("f3", model, loss, data, signal=signal)
    with torch.no_grad():
        output = model(*data.x)
    gradients(method, data)
    torch.testing.assert_close(state_of(method)["errors"], stored(data.y, output), **TOLERANCE)


@pytest.mark.parametrize(
    ("signal", "stored"),
    [
        ("softmax", lambda one_hot, out: one_hot - out.softmax(-1)),
        ("auto", lambda one_hot, out: one_hot - out.softmax(-1)),
        ("one_hot", lambda one_hot, out: one_hot * (1 - out.softmax(-1))),
    ],
)
def test_signals_of_classification(signal: str, stored: Any) -> None:
    labels = torch.arange(64) % 3
    data, model = TensorData(regression().x, labels), chain()
    method = prepared("f3", model, create_loss("cross_entropy"), data, signal=signal)
    one_hot = nn.functional.one_hot(labels, 3).float()
    assert torch.equal(state_of(method)["errors"], one_hot)
    with torch.no_grad():
        output = model(*data.x)
    gradients(method, data)
    torch.testing.assert_close(state_of(method)["errors"], stored(one_hot, output), **TOLERANCE)


def test_quantiles_share_the_median_residual_and_store_it_once() -> None:
    class Quantiles(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = chain(outputs=6)

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x).reshape(-1, 2, 3)

        def block_spec(self) -> BlockSpec:
            return BlockSpec(("net.1", "net.3", "net.4"))

    data = regression(outputs=2)
    loss = create_loss("pinball", levels=(0.1, 0.5, 0.9))
    model = Quantiles()
    method = prepared("f3", model, loss, data)
    with torch.no_grad():
        median = model(*data.x)[..., 1]
    gradients(method, data)
    errors = state_of(method)["errors"]
    assert data.y is not None
    torch.testing.assert_close(errors, data.y - median, **TOLERANCE)
    matrix = state_of(method)["matrices"][1]
    found = gradients(method, data)
    with torch.no_grad():
        hidden = model.net[:2](data.x[0])
        after = model.net[2:4](hidden)
        fed = errors.unsqueeze(-1).expand(-1, -1, 3).reshape(64, 6) @ matrix
        delta = fed * (1 - after.square()) / (64 * 6)
    torch.testing.assert_close(found["net.2.weight"], delta.T @ hidden, **TOLERANCE)


def test_evaluation_touches_no_error_and_leaves_no_hook() -> None:
    data, model = regression(), chain()
    plain = chain()
    method = prepared("f3", model, MSE, data)
    before = state_of(method)["errors"].clone()
    model.eval()
    assert torch.equal(model(*data.x), plain(*data.x))
    assert torch.equal(before, state_of(method)["errors"])
    merged = method.merge()
    assert not any(module._forward_hooks for module in merged.modules())


def fit(method: TrainingMethod, runner: Trainer, model: nn.Module) -> nn.Module:
    return runner.fit(
        model, MSE, train=regression(), validation=regression(32, seed=5), method=method
    ).model


def test_training_resumes_bit_identically_and_leaves_feedback_fixed() -> None:
    config = TrainerConfig(max_epochs=6, batch_size=10, learning_rate=1e-2)
    saved = io.BytesIO()
    drawn: list[list[Tensor]] = []

    def on_epoch(report: EpochReport) -> None:
        state = through.state_dict()
        drawn.append(state["method"]["matrices"])
        if report.epoch == 3:
            torch.save(state, saved)

    through = Trainer(config, generator=torch.Generator().manual_seed(1), on_epoch=on_epoch)
    expected = fit(create_method("f3"), through, chain())
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[-1], strict=True))
    resumed = Trainer(config, generator=torch.Generator().manual_seed(7))
    saved.seek(0)
    resumed.load_state_dict(torch.load(saved, weights_only=True))
    found = fit(create_method("f3"), resumed, chain(seed=3))
    assert all(
        torch.equal(a, b)
        for a, b in zip(expected.state_dict().values(), found.state_dict().values(), strict=True)
    )


def test_report_counts_errors_and_feedback() -> None:
    runner = Trainer(
        TrainerConfig(max_epochs=2, batch_size=16, learning_rate=1e-3),
        generator=torch.Generator(),
    )
    report = runner.fit(chain(), MSE, train=regression(), method=create_method("f3")).method
    assert report.extra_state_bytes == 4 * (64 * 3 + 2 * 3 * 8)
    assert report.forward_evaluations == 8
    assert report.trainable == report.stored == report.dense == 5 * 8 + 8 + 64 + 8 + 27


class Recurrent(nn.Module):
    """One block used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(self.inner(x)))  # type: ignore[no-any-return]

    def block_spec(self) -> BlockSpec:
        return BlockSpec(("inner", "last"))


class Around(nn.Module):
    """A connection that jumps over the cut behind `first`."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(5, 5)
        self.first, self.last = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        embedded = self.embed(x)
        return self.last(self.first(embedded) + embedded)  # type: ignore[no-any-return]

    def block_spec(self) -> BlockSpec:
        return BlockSpec(("first", "last"))


@pytest.mark.parametrize(
    ("model", "loss", "data", "options", "reason"),
    [
        (SmallFlow(), create_loss("flow_nll"), banana(), {}, "likelihood"),
        (AdditiveNetwork(), MSE, regression(), {}, "block_local"),
        (Recurrent(), MSE, regression(), {}, "exactly once"),
        (Around(), MSE, regression(), {}, "embed"),
        (nn.Linear(5, 3), MSE, regression(), {}, "names no blocks"),
        (chain(), MSE, regression(), {"signal": "softmax"}, "softmax"),
        (chain(), MSE, regression(), {"signal": "median_residual"}, "median_residual"),
        (
            chain(),
            create_loss("cross_entropy"),
            TensorData(regression().x, torch.arange(64) % 3),
            {"signal": "residual"},
            "residual",
        ),
    ],
)
def test_refuses_what_cannot_work(
    model: nn.Module, loss: Any, data: TensorData, options: dict[str, Any], reason: str
) -> None:
    runner = Trainer(
        TrainerConfig(max_epochs=1, batch_size=16, learning_rate=1e-3), generator=torch.Generator()
    )
    with pytest.raises(MethodRefused, match=reason):
        runner.fit(model, loss, train=data, method=create_method("f3", **options))


@pytest.mark.parametrize(
    "options", [{"error": "late"}, {"signal": "x"}, {"feedback": "y"}, {"feedback_scale": 0.0}]
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        create_method("f3", **options)


def test_weights_in_half_or_double_precision_keep_their_type() -> None:
    data = regression()
    assert data.y is not None
    double = TensorData((data.x[0].double(),), data.y.double())
    method = prepared("f3", chain().double(), MSE, double)
    assert gradients(method, double)["0.weight"].dtype == torch.float64
    assert context(double).total_steps == 1
