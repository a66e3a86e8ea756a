"""Networks as plain modules: what they see, and that every method that applies trains them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autopq.forecasters.networks.deepar import DeepAR
from autopq.forecasters.networks.nhits import NHiTS, NHiTSBlock
from autopq.forecasters.networks.tft import TFT
from training_methods import (
    MethodRefused,
    TensorData,
    Trainer,
    TrainerConfig,
    blocks_of,
    create_loss,
    create_method,
)
from training_methods.distributed_fit import fit_on_ranks
from training_methods.losses import GaussianNegativeLogLikelihood

HISTORY, HORIZON, SAMPLES = 16, 6, 96
Build = Callable[[], nn.Module]


def nhits() -> nn.Module:
    network = NHiTS(HISTORY, HORIZON, 2, poolings=(4, 1), strides=(3, 1), hidden=24)
    network.initialise(torch.Generator().manual_seed(0))
    return network


def tft() -> nn.Module:
    network = TFT(HISTORY, HORIZON, 3, 2, width=12, heads=2, dropout=0.1)
    network.initialise(torch.Generator().manual_seed(0))
    return network


def deepar() -> nn.Module:
    network = DeepAR(HORIZON, 2, hidden=12, layers=2)
    network.initialise(torch.Generator().manual_seed(0))
    return network


def waves() -> dict[Build, TensorData]:
    """Sines of random phase, seen for a while and to be continued, for each network."""
    generator = torch.Generator().manual_seed(1)
    phase = 6.3 * torch.rand(SAMPLES, 1, generator=generator)
    steps = torch.arange(HISTORY + HORIZON) * 0.5
    values = (steps + phase).sin()
    known = torch.stack([(steps + phase).cos(), torch.ones_like(values)], dim=-1)
    past = torch.cat([values[:, :HISTORY, None], known[:, :HISTORY]], dim=-1)
    y = values[:, HISTORY:]
    return {
        nhits: TensorData((values[:, :HISTORY], known[:, HISTORY]), y),
        tft: TensorData((past, known[:, HISTORY:]), y),
        deepar: TensorData((values[:, :HISTORY], known, values[:, HISTORY - 1 : -1]), y),
    }


LOSS_OF = {nhits: "mse", tft: "mse", deepar: "gaussian_nll"}


CONFIG = TrainerConfig(
    max_epochs=6, batch_size=32, learning_rate=5e-3, optimizer="adamw", clip_norm=1.0
)
LOW = {"delay": 0.3, "cutoff": 0.2}
APART = {"warmup": 0.2, "period": 6, "full_steps": 1, "rebound_steps": 1, "least_break_even": 4}
TRAINS: list[tuple[Build, str, dict[str, Any]]] = [
    (nhits, "backprop", {}),
    (nhits, "block_local", {}),
    (nhits, "forward_gradient", {"tangents": 8}),
    (nhits, "oialr", LOW),
    (tft, "backprop", {}),
    (tft, "last_layer_only", {}),
    (tft, "f3", {}),
    (tft, "forward_gradient", {"tangents": 4}),
    (tft, "forward_gradient", {"tangents": 4, "perturbation": "weight"}),
    (tft, "oialr", LOW),
    (deepar, "backprop", {}),
    (deepar, "last_layer_only", {}),
    (deepar, "forward_gradient", {"tangents": 8}),
    (deepar, "oialr", LOW),
]
REFUSES = [
    (nhits, "f3"),
    (nhits, "last_layer_only"),
    (tft, "block_local"),
    (deepar, "f3"),
    (deepar, "block_local"),
]


def trained(build: Build, name: str, options: dict[str, Any]) -> Any:
    trainer = Trainer(CONFIG, generator=torch.Generator().manual_seed(0))
    method = create_method(name, **options)
    loss = create_loss(LOSS_OF[build])
    return trainer.fit(build(), loss, train=waves()[build], method=method)


@pytest.mark.parametrize(("build", "name", "options"), TRAINS)
def test_methods_train_it(build: Build, name: str, options: dict[str, Any]) -> None:
    report = trained(build, name, options)
    assert report.train_losses[-1] < report.train_losses[0]
    assert report.model.state_dict().keys() == build().state_dict().keys()
    again = trained(build, name, options)
    assert again.train_losses == report.train_losses


@pytest.mark.parametrize(("build", "name"), REFUSES)
def test_methods_that_do_not_apply_say_so(build: Build, name: str) -> None:
    with pytest.raises(MethodRefused):
        trained(build, name, {})


@pytest.mark.slow
@pytest.mark.parametrize("build", [nhits, tft])
def test_ranks_train_it_by_low_rank(build: Build) -> None:
    report = fit_on_ranks(
        build(),
        create_loss("mse"),
        train=waves()[build],
        config=CONFIG,
        method="ab_training",
        options=APART,
        world_size=2,
        seed=0,
    )
    assert report.train_losses[-1] < report.train_losses[0]
    assert report.method.ranks
    assert report.method.comm_bytes["sync"] > 0


def gradient_of(output: Tensor, inputs: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(output, inputs)
    return found


def test_what_a_tft_says_of_a_step_depends_on_nothing_later() -> None:
    network = tft().eval()
    past, future = waves()[tft].x
    future = future.clone().requires_grad_()
    seen = gradient_of(network(past, future)[:, 2].sum(), future).abs().sum((0, 2))
    assert (seen[:3] > 0).all()
    assert (seen[3:] == 0).all()


def test_a_tft_gives_several_outputs_a_step() -> None:
    network = TFT(HISTORY, HORIZON, 3, 2, outputs=5, width=8, heads=2)
    network.initialise(torch.Generator().manual_seed(0))
    assert network(*waves()[tft].x).shape == (SAMPLES, HORIZON, 5)


def test_a_block_draws_straight_lines_between_its_knots() -> None:
    block = NHiTSBlock(HISTORY, 9, 0, pooling=5, stride=3, hidden=8, layers=1)
    _, forecast = block(torch.randn(4, HISTORY), torch.empty(4, 0))
    bends = forecast.diff(dim=1).diff(dim=1).abs() > 1e-5
    assert bends.sum(1).max() <= 2 * (3 - 2)  # one inner knot, between two steps
    with torch.no_grad():
        block.forecast_knots.weight.zero_()
        block.forecast_knots.bias.copy_(torch.tensor([1.0, 5.0, 3.0]))
    _, forecast = block(torch.randn(1, HISTORY), torch.empty(1, 0))
    torch.testing.assert_close(
        forecast[0], torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 4.5, 4.0, 3.5, 3.0])
    )


def test_each_block_of_nhits_explains_what_the_others_left() -> None:
    network = nhits()
    history, covariates = waves()[nhits].x
    spec = blocks_of(network)
    assert spec is not None
    first, second = spec.modules(network)
    backcast, forecast = first(history, covariates)
    _, rest = second(history - backcast, covariates)
    torch.testing.assert_close(network(history, covariates), forecast + rest)


def test_deepar_feeds_back_what_it_said() -> None:
    network = trained(deepar, "backprop", {}).model
    values, known, _ = waves()[deepar].x
    path = network.draw(values, known)
    before = torch.cat([values[:, -1:], path[:, :-1]], dim=1)
    torch.testing.assert_close(network(values, known, before)[..., 0], path)


def test_paths_of_deepar_scatter_as_it_says_and_by_the_generator_alone() -> None:
    network = trained(deepar, "backprop", {}).model
    values, known, before = (
        part[:1].repeat(4000, *[1] * (part.ndim - 1)) for part in waves()[deepar].x
    )
    drawn = network.draw(values, known, torch.Generator().manual_seed(3))
    mean, spread = GaussianNegativeLogLikelihood.parameters(network(values, known, before)[:1])
    # The first step's distribution depends on nothing drawn.
    assert drawn[:, 0].mean().item() == pytest.approx(mean[0, 0].item(), abs=0.05)
    assert drawn[:, 0].std().item() == pytest.approx(spread[0, 0].item(), rel=0.05)
    torch.testing.assert_close(network.draw(values, known, torch.Generator().manual_seed(3)), drawn)


@pytest.mark.parametrize("build", [nhits, tft, deepar])
def test_the_generator_alone_decides_the_weights(build: Build) -> None:
    torch.manual_seed(1)
    first = build().state_dict()
    torch.manual_seed(2)
    second = build().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
