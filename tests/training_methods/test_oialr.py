"""OIALR: frozen bases, a small trained matrix, ranks that only fall, and nothing left untrained."""

import io
import itertools
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training_methods.networks import AdditiveNetwork, SmallFlow, banana, context
from training_methods import (
    EpochReport,
    FitReport,
    MethodRefused,
    TensorData,
    Trainer,
    TrainerConfig,
    create_loss,
    create_method,
)
from training_methods.low_rank import WeightMatrix
from training_methods.oialr import Oialr
from training_methods.optimization import create_optimizer, swap_parameters


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(5, 24),
            nn.Tanh(),
            nn.Linear(24, 24),
            nn.Tanh(),
            nn.Linear(24, 16),
            nn.Tanh(),
            nn.Linear(16, 3),
        )


def regression(samples: int = 128) -> TensorData:
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(samples, 5, generator=generator)
    return TensorData((x,), (x @ torch.randn(5, 3, generator=generator)).sin())


def trainer(epochs: int = 10, optimizer: str = "adamw", **options: Any) -> Trainer:
    """Four steps an epoch."""
    config = TrainerConfig(
        max_epochs=epochs,
        batch_size=32,
        learning_rate=1e-2,
        weight_decay=0.01,
        optimizer=optimizer,  # type: ignore[arg-type]
        momentum=0.9,
        schedule="cosine",
        clip_norm=1.0,
    )
    return Trainer(config, generator=torch.Generator().manual_seed(3), **options)


def fit(method: Oialr, model: nn.Module | None = None, **options: Any) -> FitReport:
    return trainer(**options).fit(
        model or network(), create_loss("mse"), train=regression(), method=method
    )


class Watched(Oialr):
    """Notes what each structural change did, by comparing before and after it."""

    def prepare(self, *arguments: Any) -> None:
        super().prepare(*arguments)
        self.changes: list[dict[str, Any]] = []

    def after_optimizer_step(self, step: int) -> Any:
        before = [weight.matrix() for weight in self.weights]
        change = super().after_optimizer_step(step)
        if change is not None:
            self.changes.append(
                {
                    "done": step + 1,
                    "before": before,
                    "after": [weight.matrix() for weight in self.weights],
                    "factors": [weight.factors for weight in self.weights],
                    "ranks": [weight.rank for weight in self.weights],
                }
            )
        return change


def orthonormal_error(weight: WeightMatrix) -> float:
    left, _, right = (factor.detach() for factor in weight.factors)
    identity = torch.eye(weight.rank)
    return max(
        (left.T @ left - identity).abs().max().item(),
        (right @ right.T - identity).abs().max().item(),
    )


def test_decomposition_leaves_the_function_and_comes_after_the_delay() -> None:
    method = Watched(keep_first=True, delay=0.25, updates=0)
    fit(method)
    [change] = method.changes
    assert change["done"] == 10
    for before, after in zip(change["before"], change["after"], strict=True):
        torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)


def test_bases_stay_orthonormal_and_ranks_fall_at_most_by_half() -> None:
    errors: list[float] = []
    method = Watched(keep_first=True, delay=0.2, updates=6, cutoff=0.7, keep_last=False)
    fit(
        method,
        epochs=12,
        on_epoch=lambda _: errors.extend(
            orthonormal_error(weight) for weight in method.weights if weight.factored
        ),
    )
    assert len(errors) > 20
    assert max(errors) < 1e-5
    assert len(method.changes) == 7
    history = [change["ranks"] for change in method.changes]
    assert history[0] == [24, 16, 3]
    for before, after in itertools.pairwise(history):
        for was, now in zip(before, after, strict=True):
            assert max(1, math.ceil(was / 2)) <= now <= was
    assert history[-1][0] < 6


def test_an_update_without_a_cut_leaves_the_function() -> None:
    method = Watched(keep_first=True, delay=0.25, updates=3, cutoff=0.0)
    fit(method)
    assert len(method.changes) == 4
    for change in method.changes[1:]:
        assert change["ranks"] == [24, 16]
        for before, after in zip(change["before"], change["after"], strict=True):
            torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)


def test_weights_join_the_updates_from_the_output_side() -> None:
    method = Watched(
        keep_first=True, delay=0.1, updates=4, cutoff=0.95, layer_step=0.5, keep_last=False
    )
    fit(method, epochs=20)
    first, second = method.changes[1], method.changes[2]
    assert len(method.weights) == 3
    assert first["ranks"][0] == 24  # two of three weights had joined
    assert first["ranks"][1] < 16
    assert second["ranks"][0] < 24


def test_gradient_of_s_is_the_weights_gradient_in_the_bases() -> None:
    method, model, data = Oialr(keep_first=True, delay=0.5, updates=0), network(), regression()
    seen: list[tuple[Tensor, Tensor]] = []

    def look(report: EpochReport) -> None:
        if report.epoch < 6:
            return
        weight = method.weights[0]
        left, trained, right = weight.factors
        matrix = weight.matrix().requires_grad_(True)
        model.zero_grad()
        create_loss("mse")(model(*data.x), data.y).backward()
        whole = {key: value for key, value in method.dense_state().items() if key != weight.key} | {
            weight.key: matrix
        }
        plain = network()
        output = torch.func.functional_call(plain, whole, data.x)
        [expected] = torch.autograd.grad(create_loss("mse")(output, data.y), matrix)
        assert trained.grad is not None
        seen.append((trained.grad, left.T @ expected @ right.T))

    fit(method, model, on_epoch=look)
    assert seen
    for found, expected in seen:
        torch.testing.assert_close(found, expected.detach(), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_everything_trainable_moves_after_the_decomposition_and_bases_do_not(
    optimizer: str,
) -> None:
    method, model = Oialr(keep_first=True, delay=0.5, updates=0), network()
    states: list[dict[str, Tensor]] = []

    def look(report: EpochReport) -> None:
        if report.epoch >= 5:
            assert {n for n, p in model.named_parameters() if p.requires_grad} == {
                *(f"{layer}.bias" for layer in (0, 2, 4, 6)),
                *("0.weight", "6.weight"),
                *(f"{layer}.parametrizations.weight.original1" for layer in (2, 4)),
            }
            states.append({n: p.detach().clone() for n, p in model.named_parameters()})

    fit(method, model, optimizer=optimizer, on_epoch=look)
    frozen = ("original0", "original2")
    for name in states[0]:
        still = torch.equal(states[0][name], states[-1][name])
        assert still == name.endswith(frozen), name


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_what_the_optimiser_knows_turns_with_the_bases(kind: str) -> None:
    method = Oialr(delay=0.25, updates=2, cutoff=0.7, keep_first=True)
    data, model = regression(), network()
    method.prepare(model, create_loss("mse"), replace(context(data), max_epochs=12))
    optimizer = create_optimizer(
        kind,  # type: ignore[arg-type]
        method.parameter_groups(),
        learning_rate=1e-2,
        weight_decay=0.0,
        momentum=0.9,
    )
    key = {"sgd": "momentum_buffer", "adam": "exp_avg"}[kind]
    weight = method.weights[0]
    old_left, old_right, changes = torch.eye(24), torch.eye(24), 0
    for step in range(12):
        optimizer.zero_grad()
        method.compute_gradients(data.gather(torch.arange(128)), step)
        optimizer.step()
        trained = weight.factors[1] if weight.factored else weight.whole
        before = optimizer.state[trained]
        change = method.after_optimizer_step(step)
        if change is None:
            continue
        swap_parameters(optimizer, change.replaced)
        left, trained, right = weight.factors
        after = optimizer.state[trained]
        turn_left, turn_right = left.T @ old_left, right @ old_right.T
        torch.testing.assert_close(after[key], turn_left @ before[key] @ turn_right.T)
        if kind == "adam":
            assert after["step"] == step + 1
            assert (after["exp_avg_sq"] >= 0).all()
            expected = turn_left.square() @ before["exp_avg_sq"] @ turn_right.square().T
            torch.testing.assert_close(after["exp_avg_sq"], expected)
        old_left, old_right, changes = left, right, changes + 1
    assert changes == 3
    assert weight.rank < 24


def test_counts_are_those_of_the_model_and_the_result_is_dense() -> None:
    method, model = Oialr(keep_first=True, delay=0.2, updates=4, cutoff=0.5), network()
    counted: list[tuple[int, int]] = []
    predictions: list[Tensor] = []
    x = regression().x[0]

    def look(report: EpochReport) -> None:
        counts = method.report()
        parameters = list(model.parameters())
        assert counts.trainable == sum(p.numel() for p in parameters if p.requires_grad)
        assert counts.stored == sum(p.numel() for p in parameters)
        if counts.ranks:
            rest = sum(p.numel() for p in network().parameters()) - 24 * 24 - 24 * 16
            first, second = counts.ranks["2.weight"], counts.ranks["4.weight"]
            assert counts.trainable == rest + first**2 + second**2
            assert counts.stored == counts.trainable + 48 * first + 40 * second
        counted.append((counts.trainable, counts.dense))
        with torch.no_grad():
            predictions.append(model(x))

    report = fit(method, model, on_epoch=look)
    assert {dense for _, dense in counted} == {sum(p.numel() for p in network().parameters())}
    assert counted[-1][0] < counted[0][0]
    assert report.method.trainable == counted[-1][0]
    assert report.method.svd_seconds > 0
    assert report.model.state_dict().keys() == network().state_dict().keys()
    assert [type(m) for m in report.model] == [type(m) for m in network()]
    torch.testing.assert_close(report.model(x), predictions[-1], atol=1e-5, rtol=1e-5)
    plain = network()
    plain.load_state_dict(report.model.state_dict())
    assert torch.equal(plain(x), report.model(x))


def test_the_best_weights_are_returned_whole() -> None:
    data = regression()
    validation = TensorData((data.x[0][:40],), data.y[:40] if data.y is not None else None)
    report = trainer(epochs=12).fit(
        network(),
        create_loss("mse"),
        train=data,
        validation=validation,
        method=Oialr(keep_first=True, delay=0.3, updates=5, cutoff=0.6),
    )
    with torch.no_grad():
        achieved = create_loss("mse")(report.model(*validation.x), validation.y)
    assert achieved.item() == pytest.approx(min(report.validation_losses), rel=1e-4)


@pytest.mark.parametrize("at", [1, 5, 8])
def test_resume_is_bit_identical_whatever_the_structure(at: int) -> None:
    """Saved before the decomposition, after it, and after cuts."""
    saved = io.BytesIO()

    def method() -> Oialr:
        return Oialr(keep_first=True, delay=0.3, updates=6, cutoff=0.5)

    def save(report: EpochReport) -> None:
        if report.epoch == at:
            torch.save(runner.state_dict(), saved)

    runner = trainer(on_epoch=save)
    through = runner.fit(network(), create_loss("mse"), train=regression(), method=method())
    saved.seek(0)
    resumed = trainer()
    resumed.load_state_dict(torch.load(saved, weights_only=True))
    again = resumed.fit(network(seed=9), create_loss("mse"), train=regression(), method=method())
    assert again.method.ranks == through.method.ranks
    assert again.train_losses == through.train_losses
    for key, value in through.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[key]), key


@pytest.mark.parametrize("delay", [1.0, math.inf])
def test_an_endless_delay_is_backprop(delay: float) -> None:
    method = Oialr(keep_first=True, delay=delay)
    found = fit(method)
    plain = trainer().fit(
        network(), create_loss("mse"), train=regression(), method=create_method("backprop")
    )
    for key, value in plain.model.state_dict().items():
        assert torch.equal(value, found.model.state_dict()[key])
    assert "backprop" in found.method.findings[0].reason


def test_networks_of_blocks_and_flows_train() -> None:
    method = Oialr(keep_first=True, delay=0.2, updates=3, cutoff=0.5)
    additive = fit(method, AdditiveNetwork())
    assert additive.method.ranks
    assert additive.train_losses[-1] < additive.train_losses[2]
    flow = SmallFlow()
    report = trainer(epochs=12).fit(
        flow,
        create_loss("flow_nll"),
        train=banana(128),
        method=Oialr(keep_first=True, delay=0.5, updates=2, cutoff=0.1),
    )
    assert report.method.ranks
    assert report.train_losses[-1] < report.train_losses[0]


def test_models_without_a_matrix_are_refused() -> None:
    with pytest.raises(MethodRefused, match="no weight"):
        fit(Oialr(), nn.Sequential(nn.Linear(5, 3)))
    assert fit(Oialr(keep_last=False), nn.Sequential(nn.Linear(5, 3))).method.ranks


@pytest.mark.parametrize(
    "options",
    [{"delay": -0.1}, {"updates": -1}, {"cutoff": 1.0}, {"max_cut": 1.0}, {"layer_step": 0.0}],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Oialr(**options)
