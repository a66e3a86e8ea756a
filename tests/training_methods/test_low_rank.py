"""Factored weights: the same function as the whole ones, in every kind of layer."""

import copy

import pytest
import torch
from torch import Tensor, nn

from training_methods import LocalCommunicator, TrainingDiverged
from training_methods.low_rank import (
    Decomposer,
    WeightMatrix,
    basis_similarity,
    dense_parameters,
    dense_state,
    factorise_as_in,
    kept_rank,
    orthogonal_part,
    products_once,
    weight_matrices,
)


class Attention(nn.Module):
    def __init__(self, **options: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, **options)

    def forward(self, x: Tensor) -> Tensor:
        key = x[..., : self.attention.kdim]
        output: Tensor = self.attention(x, key, key, need_weights=False)[0]
        return output


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.recurrent = kind(8, 6, num_layers=2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.recurrent(x)[0]
        return output


LAYERS = {
    "linear": lambda: nn.Linear(8, 5),
    "conv1d": lambda: nn.Conv1d(4, 6, 3),
    "conv2d": lambda: nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Conv2d(2, 4, (1, 3))),
    "attention": Attention,
    "attention with other keys": lambda: Attention(kdim=4, vdim=4),
    "transformer": lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
    "lstm": lambda: Recurrent(nn.LSTM),
    "gru": lambda: Recurrent(nn.GRU),
}


def layer(kind: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return LAYERS[kind]()


def sequences() -> Tensor:
    """[3, 4, 8]"""
    return torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(0))


def factorise(weight: WeightMatrix, rank: int | None = None) -> None:
    [found] = Decomposer(LocalCommunicator())([weight.matrix()], lambda s: rank or len(s))
    weight.factorise((found.left, torch.diag(found.values), found.right), trained=1)


@pytest.mark.parametrize("kind", LAYERS)
def test_factored_layers_compute_what_they_did_and_come_back_whole(kind: str) -> None:
    model, x = layer(kind), sequences()
    names = [name for name, _ in model.named_parameters()]
    expected = model(x)
    state = copy.deepcopy(model.state_dict())
    weights = weight_matrices(model)
    assert weights
    for weight in weights:
        factorise(weight)
    for mode in (True, False):
        with products_once(mode):
            torch.testing.assert_close(model.train(mode)(x), expected, atol=1e-5, rtol=1e-5)
    model.train()(x).square().mean().backward()
    for weight in weights:
        frozen_left, trained, frozen_right = weight.factors
        assert trained.grad is not None
        assert frozen_left.grad is None
        assert frozen_right.grad is None
    dense = dense_state(model)
    assert dense.keys() == state.keys()
    for weight in weights:
        weight.restore(weight.matrix())
    assert [name for name, _ in model.named_parameters()] == names
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, state[key], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(value, dense[key], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-5)
    model(x).square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_thin_products_train_alike_and_hold_in_a_copy() -> None:
    model = nn.Linear(20, 20)
    [weight] = weight_matrices(model)
    factorise(weight, rank=3)
    x = torch.randn(7, 20)
    whole = nn.functional.linear(x, weight.matrix(), model.bias)
    torch.testing.assert_close(model(x), whole, atol=1e-5, rtol=1e-5)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        weight.factors[1].zero_()
    torch.testing.assert_close(model(x), model.bias.expand(7, 20))
    torch.testing.assert_close(twin(x), whole, atol=1e-5, rtol=1e-5)


def test_thin_products_take_fewer_multiplications() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    def multiplications(rank: int) -> int:
        model = nn.Linear(64, 64)
        [weight] = weight_matrices(model)
        factorise(weight, rank)
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(10, 64))
        return counter.get_total_flops() // 2

    assert multiplications(4) == 10 * (64 * 4 + 4 * 4 + 4 * 64)
    assert multiplications(60) >= 10 * 64 * 64


def test_which_weights_are_found() -> None:
    shared = nn.Linear(8, 8)
    twin = nn.Linear(8, 8)
    twin.weight = shared.weight
    frozen = nn.Linear(8, 8)
    frozen.weight.requires_grad_(False)
    model = nn.ModuleDict(
        {
            "embedding": nn.Embedding(9, 8),
            "norm": nn.LayerNorm(8),
            "encoder": nn.ModuleList([nn.Linear(8, 4), nn.Conv1d(4, 2, 3)]),
            "recurrent": nn.GRU(8, 3),
            "shared": shared,
            "twin": twin,
            "frozen": frozen,
            "row": nn.Linear(8, 1),
        }
    )
    assert [weight.key for weight in weight_matrices(model)] == [
        "encoder.0.weight",
        "encoder.1.weight",
        "recurrent.weight_ih_l0",
        "recurrent.weight_hh_l0",
    ]
    assert [weight.key for weight in weight_matrices(model, full_rank=("recur*", "*.1"))] == [
        "encoder.0.weight"
    ]


def test_a_head_of_one_output_is_the_last_weight_that_is_kept_whole() -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 1))
    kept = {"keep_first": True, "keep_last": True}
    assert [weight.key for weight in weight_matrices(model, **kept)] == ["1.weight"]


def test_factors_are_rebuilt_in_the_saved_shapes() -> None:
    model = nn.Sequential(nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 7))
    factorise(weight_matrices(model)[1], rank=2)
    state = model.state_dict()
    rebuilt = nn.Sequential(nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 7))
    weights = weight_matrices(rebuilt)
    factorise_as_in(weights, state, trained=1)
    rebuilt.load_state_dict(state)
    x = torch.randn(4, 9)
    assert torch.equal(rebuilt(x), model(x))
    assert [weight.factored for weight in weights] == [False, True]
    assert weights[1].rank == 2
    assert dense_parameters(rebuilt, weights) == 9 * 8 + 8 + 8 * 7 + 7


def test_error_of_a_cut_is_the_first_singular_value_left_out() -> None:
    matrix = torch.randn(9, 6, generator=torch.Generator().manual_seed(3))
    values = torch.linalg.svdvals(matrix)
    decompose = Decomposer(LocalCommunicator())
    for rank in range(1, 6):
        [found] = decompose([matrix], lambda _, rank=rank: rank)
        rest = matrix - found.left * found.values @ found.right
        assert torch.linalg.matrix_norm(rest, 2).item() == pytest.approx(values[rank].item(), 1e-4)
    assert decompose.seconds > 0


def test_ranks_kept() -> None:
    values = torch.tensor([4.0, 2.0, 1.0, 0.5])
    assert [kept_rank(values, cutoff) for cutoff in (0.0, 0.125, 0.2, 0.5, 0.9)] == [4, 4, 3, 2, 1]
    assert kept_rank(torch.zeros(3), 0.5) == 3


def test_weights_that_are_not_finite_are_named_as_divergence() -> None:
    with pytest.raises(TrainingDiverged):
        Decomposer(LocalCommunicator())([torch.full((3, 3), torch.nan)], len)


def test_similarity_of_bases_ignores_singular_values() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(5, 9, generator=generator)
    other = torch.randn(5, 9, generator=generator)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    rescaled = left * values.sqrt() @ right
    part = orthogonal_part(matrix)
    assert basis_similarity(part, orthogonal_part(rescaled)) == pytest.approx(1, abs=1e-5)
    assert basis_similarity(part, orthogonal_part(-matrix)) == pytest.approx(-1, abs=1e-5)
    assert abs(basis_similarity(part, orthogonal_part(other))) < 0.6
