"""The flow's mathematics: bijection, exact log-determinant, conditions, reproducibility."""

import math

import pytest
import torch

from autopq.quantiles.decoding import decode_samples
from autopq.quantiles.flow import ConditionalFlow, CouplingBlock, FlowSettings
from training_methods import TensorData, Trainer, TrainerConfig, create_loss, create_method


def random_flow(dimensions, condition_size=5, weights=0.3, **sizes):
    """A flow far from the identity, in float64."""
    generator = torch.Generator().manual_seed(dimensions)
    flow = ConditionalFlow(FlowSettings(dimensions, condition_size, **sizes), generator).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.copy_(weights * torch.randn(parameter.shape, generator=generator))
    return flow.eval()


def inputs(dimensions, condition_size=5, rows=64):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(rows, dimensions, generator=generator, dtype=torch.float64)
    condition = torch.randn(rows, condition_size, generator=generator, dtype=torch.float64)
    return x, condition if condition_size else None


SHAPES = [(24, 5), (7, 5), (2, 3), (1, 5), (24, 0), (5, 0), (1, 0)]


@pytest.mark.parametrize(("dimensions", "condition_size"), SHAPES)
def test_inverse_undoes_forward(dimensions, condition_size):
    flow = random_flow(dimensions, condition_size)
    x, condition = inputs(dimensions, condition_size)
    z, _ = flow(x, condition)
    assert z.shape == x.shape
    assert not torch.allclose(z, x, atol=1e-3)
    assert (flow.inverse(z, condition) - x).abs().max() <= 1e-10


@pytest.mark.parametrize(("dimensions", "condition_size"), SHAPES)
def test_log_determinant_is_that_of_the_jacobian(dimensions, condition_size):
    flow = random_flow(dimensions, condition_size)
    x, condition = inputs(dimensions, condition_size, rows=3)
    _, log_det = flow(x, condition)
    assert log_det.shape == (3,)
    for i in range(3):
        row = None if condition is None else condition[i]
        jacobian = torch.autograd.functional.jacobian(lambda v, c=row: flow(v, c)[0], x[i])
        assert abs(log_det[i] - torch.linalg.slogdet(jacobian)[1]) <= 1e-8


@pytest.mark.parametrize("clamp", [0.5, 1.0])
def test_log_determinant_is_bounded_by_the_clamp(clamp):
    flow = random_flow(24, weights=50.0, clamp=clamp)
    _, log_det = flow(*inputs(24))
    bound = 24 * 10 * clamp * 0.636 * math.pi / 2
    assert log_det.abs().max() <= bound
    assert log_det.abs().max() > 0.05 * bound


def test_a_new_flow_is_nearly_a_permutation():
    flow = ConditionalFlow(FlowSettings(24, 5), torch.Generator().manual_seed(0)).double()
    x, condition = inputs(24)
    z, log_det = flow(x, condition)
    order = torch.arange(24)
    for block in flow.blocks:
        assert isinstance(block, CouplingBlock)
        assert (block.permutation.sort().values == torch.arange(24)).all()
        order = order[block.permutation]
    assert (z - x[:, order]).abs().max() < 0.4
    assert (z - x[:, order]).square().mean() < 0.01
    assert log_det.abs().max() < 0.5


def test_samples_share_one_condition_without_copies():
    flow = random_flow(6)
    x, condition = inputs(6, rows=12)
    samples, shared = x.reshape(3, 4, 6), condition[:3]
    together, log_det = flow(samples, shared[:, None, :])
    apart, apart_log_det = flow(x, shared.repeat_interleave(4, dim=0))
    assert torch.allclose(together.reshape(12, 6), apart, atol=1e-12)
    assert torch.allclose(log_det.reshape(12), apart_log_det, atol=1e-12)


@pytest.mark.parametrize(("dimensions", "condition_size"), SHAPES)
def test_the_fast_decoder_is_the_inverse(dimensions, condition_size):
    flow = random_flow(dimensions, condition_size)
    latents = torch.randn(3, 4, dimensions, dtype=torch.float64)
    _, condition = inputs(dimensions, condition_size, rows=3)
    before = latents.clone()
    found = decode_samples(flow, latents, flow.embed(condition))
    shared = None if condition is None else condition[:, None, :]
    assert torch.allclose(found, flow.inverse(latents, shared), atol=1e-10)
    assert torch.equal(latents, before)


def test_the_condition_matters_and_is_asked_for():
    flow = random_flow(6)
    x, condition = inputs(6)
    assert (flow(x, condition)[0] - flow(x, condition + 1)[0]).abs().max() > 1e-3
    with pytest.raises(ValueError, match="condition of 5"):
        flow(x)


def test_weights_and_permutations_come_from_the_generator_alone():
    def build(seed):
        return ConditionalFlow(FlowSettings(8, 3), torch.Generator().manual_seed(seed))

    before = torch.get_rng_state()
    first, again, other = build(1), build(1), build(2)
    assert (torch.get_rng_state() == before).all()
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert any(not torch.equal(v, other.state_dict()[n]) for n, v in first.state_dict().items())


def test_permutations_are_saved_with_the_weights():
    flow, target = random_flow(8), ConditionalFlow(FlowSettings(8, 5), torch.Generator())
    target.double().load_state_dict(flow.state_dict())
    x, condition = inputs(8)
    assert torch.equal(flow(x, condition)[0], target(x, condition)[0])


def test_noise_and_dropout_act_in_training_only():
    flow = random_flow(6, dropout=0.5, condition_noise=0.5)
    x, condition = inputs(6)
    assert torch.equal(flow(x, condition)[0], flow(x, condition)[0])
    flow.train()
    assert not torch.allclose(flow(x, condition)[0], flow(x, condition)[0])


def train(flow, x, condition, epochs):
    generator = torch.Generator().manual_seed(0)
    config = TrainerConfig(
        max_epochs=epochs, batch_size=128, learning_rate=1e-2, schedule="cosine", clip_norm=1.0
    )
    data = TensorData((x, condition))
    trainer = Trainer(config, generator=generator)
    report = trainer.fit(
        flow, create_loss("flow_nll"), train=data, method=create_method("backprop")
    )
    return report.model, report.train_losses


def test_training_recovers_a_conditional_normal_distribution():
    """x = c + noise of correlation 0.8 and standard deviations 0.5 and 2: known in closed form."""
    generator = torch.Generator().manual_seed(3)
    c = torch.randn(2000, 1, generator=generator)
    scale, correlation = torch.tensor([0.5, 2.0]), 0.8
    noise = torch.randn(2000, 2, generator=generator)
    noise[:, 1] = correlation * noise[:, 0] + math.sqrt(1 - correlation**2) * noise[:, 1]
    flow = ConditionalFlow(FlowSettings(2, 1, blocks=4, clamp=1.0), generator)
    flow, losses = train(flow, c + scale * noise, c, epochs=20)
    entropy = (math.log(0.5 * 2.0) + math.log(1 - correlation**2) / 2 + 1) / 2
    assert losses[-1] == pytest.approx(entropy, abs=0.06)
    with torch.inference_mode():
        z = torch.randn(20_000, 2, generator=generator)
        drawn = flow.inverse(z, torch.tensor([[1.0]])).double()
        assert drawn.mean(0) == pytest.approx([1.0, 1.0], abs=0.15)
        assert float(torch.corrcoef(drawn.T)[0, 1]) == pytest.approx(correlation, abs=0.05)
        x = c + scale * noise
        assert (flow.inverse(flow(x, c)[0], c) - x).abs().max() <= 1e-5
        # The density integrates to one.
        side = torch.linspace(-9, 11, 201)
        grid = torch.cartesian_prod(side, side)
        z, log_det = flow(grid, torch.tensor([[1.0]]))
        density = (-z.square().sum(-1) / 2 - math.log(2 * math.pi) + log_det).double().exp()
        assert float(density.sum() * (side[1] - side[0]) ** 2) == pytest.approx(1.0, abs=0.01)
