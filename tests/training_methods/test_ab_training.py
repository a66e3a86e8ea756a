"""AB-training and local SGD on real ranks: phases, factors, merges, agreement and bytes."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training_methods import ranks
from tests.training_methods.networks import regression
from training_methods import MethodRefused, Trainer, TrainerConfig, create_loss, create_method
from training_methods.ab_training import AbTraining
from training_methods.local_sgd import LocalSgd
from training_methods.synchronisation import Phases

Ranks = list[dict[str, Any]]
PARAMETERS = sum(p.numel() for p in ranks.network().parameters())
REST = PARAMETERS - 2 * ranks.WIDTH**2
PART, SYNC = (10, 18, 33), (15, 30, 40)
FULL_STEPS = 10 + 3 + 3


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def of_mode(found: Ranks, mode: str) -> Ranks:
    return [answer["modes"][mode] for answer in found]


def spans(run: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(last step before the groups part, step that synchronises) for every low-rank phase."""
    steps = {step["done"]: step for step in run["steps"]}
    return [(steps[part], steps[sync]) for part, sync in zip(PART, SYNC, strict=True)]


@pytest.mark.parametrize("control", ["endless", "endless local_sgd"])
def test_an_endless_warmup_is_data_parallel_backprop(two_ranks: Ranks, control: str) -> None:
    for answer in two_ranks:
        assert same(answer[control]["state"], answer["backprop"]["state"])
        assert answer[control]["losses"] == answer["backprop"]["losses"]
        assert sum(answer[control]["bytes"].values()) == sum(answer["backprop"]["bytes"].values())
        assert any("data-parallel" in reason for reason in answer[control]["warnings"])


def test_phases_change_at_the_steps_they_should(two_ranks: Ranks) -> None:
    for run in of_mode(two_ranks, "with_stale"):
        changed = [
            step["done"] for step in run["steps"] if step["independent"] != step["was_independent"]
        ]
        assert changed == sorted(PART + SYNC)


@pytest.mark.parametrize(
    ("warmup", "parts", "synchronises"),
    [(7, [7, 13, 23], [10, 20, 30]), (10, [10, 13, 23], [10, 20, 30]), (30, [], [10, 20, 30])],
)
def test_phase_positions(warmup: int, parts: list[int], synchronises: list[int]) -> None:
    phases = Phases(total=30, warmup=warmup, period=10, full_steps=3)
    steps = range(1, 31)
    assert [done for done in steps if phases.parts_at(done)] == parts
    assert [done for done in steps if phases.synchronises_at(done)] == synchronises


def test_learning_rate_rebounds_after_every_change(two_ranks: Ranks) -> None:
    [run, _] = of_mode(two_ranks, "with_stale")
    expected = [1.0] * 10
    for begin, end in itertools.pairwise(sorted(PART + SYNC)):
        expected += [min(1.0, (after + 1) / 5) for after in range(end - begin)]
    assert [step["lr_scale"] for step in run["steps"]] == pytest.approx(expected)


@pytest.mark.parametrize("mode", ranks.MODES)
def test_decomposition_is_balanced_and_as_near_as_its_rank_allows(
    two_ranks: Ranks, mode: str
) -> None:
    for run in of_mode(two_ranks, mode):
        for part, _ in spans(run):
            for key in ranks.FACTORED:
                weight = part["before"]["dense"][key]
                a, b = part["after"]["factors"][key]
                values = torch.linalg.svdvals(weight)
                rank = a.shape[1]
                assert rank == int((values >= 0.3 * values[0]).sum()) < ranks.WIDTH
                error = torch.linalg.matrix_norm(weight - a @ b, 2)
                torch.testing.assert_close(error, values[rank], atol=1e-5, rtol=1e-4)
                torch.testing.assert_close(a.T @ a, b @ b.T, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mode", ranks.MODES)
def test_each_group_trains_its_factor_and_leaves_the_other(two_ranks: Ranks, mode: str) -> None:
    for rank, run in enumerate(of_mode(two_ranks, mode)):
        own = 1 if mode == "only_b" or rank == 1 else 0
        for part, sync in spans(run):
            for key in ranks.FACTORED:
                start, end = part["after"]["factors"][key], sync["before"]["factors"][key]
                assert torch.equal(start[1 - own], end[1 - own])
                assert not torch.equal(start[own], end[own])
        for step in run["steps"]:
            assert step["before"]["gradients"] == step["before"]["trained"]


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_what_the_optimiser_knows_follows_onto_the_factor(two_ranks: Ranks, kind: str) -> None:
    """dL/dA = (dL/dW) Bᵀ and dL/dB = Aᵀ (dL/dW): momentum goes the way of the gradient, and is
    left behind when the weight is whole again."""
    for rank, answer in enumerate(two_ranks):
        found = answer["momentum"][kind]
        a, b = found["factors"]
        before, after = found["before"], found["after"]
        torch.testing.assert_close(after, before @ b.T if rank == 0 else a.T @ before)
        assert not found["kept after synchronisation"]


def test_what_the_modes_make_of_both_groups_work(two_ranks: Ranks) -> None:
    """ΔA from rank 0 and ΔB from rank 1; the identities in their changes, in double precision."""
    formulas = {
        "full": lambda ab, da_b, a_db, da_db: ab + da_b / 2 + a_db / 2,
        "with_stale": lambda ab, da_b, a_db, da_db: ab + da_b / 2 + a_db / 2 + da_db / 4,
        "only_learned": lambda ab, da_b, a_db, da_db: ab + da_b + a_db + da_db,
    }
    for mode, formula in formulas.items():
        first, second = of_mode(two_ranks, mode)
        for (part, sync), (_, other) in zip(spans(first), spans(second), strict=True):
            for key in ranks.FACTORED:
                a, b = (f.double() for f in part["after"]["factors"][key])
                da = sync["before"]["factors"][key][0].double() - a
                db = other["before"]["factors"][key][1].double() - b
                expected = formula(a @ b, da @ b, a @ db, da @ db)
                found = sync["after"]["dense"][key].double()
                torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_only_b_synchronises_to_its_own_product(two_ranks: Ranks, four_ranks: Ranks) -> None:
    for answers in (of_mode(two_ranks, "only_b"), [a["only_b groups"] for a in four_ranks]):
        for spans_of_ranks in zip(*(spans(run) for run in answers), strict=True):
            for key in ranks.FACTORED:
                b = torch.stack([s["before"]["factors"][key][1] for _, s in spans_of_ranks]).mean(0)
                a = spans_of_ranks[0][0]["after"]["factors"][key][0]
                found = spans_of_ranks[0][1]["after"]["dense"][key]
                torch.testing.assert_close(found, a @ b, atol=1e-6, rtol=1e-5)


def test_what_is_not_factored_is_averaged(two_ranks: Ranks) -> None:
    first, second = of_mode(two_ranks, "with_stale")
    for (_, sync), (_, other) in zip(spans(first), spans(second), strict=True):
        for key in ("0.weight", "0.bias", "2.bias", "6.weight", "6.bias"):
            mean = (sync["before"]["dense"][key] + other["before"]["dense"][key]) / 2
            torch.testing.assert_close(sync["after"]["dense"][key], mean, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("mode", ranks.MODES)
def test_two_ranks_are_one_model_outside_of_low_rank_phases(two_ranks: Ranks, mode: str) -> None:
    first, second = of_mode(two_ranks, mode)
    for left, right in zip(first["steps"], second["steps"], strict=True):
        apart = left["independent"] and not same(left["after"]["dense"], right["after"]["dense"])
        assert apart == (mode != "only_b" and left["independent"] and left["done"] not in PART), (
            left["done"]
        )
    assert same(first["state"], second["state"])
    assert first["ranks"] == second["ranks"]


@pytest.mark.parametrize("run", ["halves", "only_b groups"])
def test_groups_of_two_agree_among_themselves(four_ranks: Ranks, run: str) -> None:
    for steps in zip(*(answer[run]["steps"] for answer in four_ranks), strict=True):
        dense = [step["after"]["dense"] for step in steps]
        assert same(dense[0], dense[1])
        assert same(dense[2], dense[3])
        apart = steps[0]["independent"] and steps[0]["done"] not in PART
        assert same(dense[0], dense[2]) != apart


@pytest.mark.parametrize("mode", ranks.MODES)
def test_bytes_are_those_of_the_factors(two_ranks: Ranks, mode: str) -> None:
    for run in of_mode(two_ranks, mode):
        width = ranks.WIDTH
        sizes = [
            [part["after"]["factors"][key][0].shape[1] for key in ranks.FACTORED]
            for part, _ in spans(run)
        ]
        sync = {
            "with_stale": sum(2 * width * sum(r) + REST for r in sizes),
            "only_learned": sum(2 * width * sum(r) + REST for r in sizes),
            "full": 3 * PARAMETERS,
            "only_b": 0,
        }[mode]
        expected = {
            "full": 4 * PARAMETERS * FULL_STEPS,
            "sync": 4 * sync,
            "factors": 4 * sum(2 * width * sum(r) + 2 * width for r in sizes),
        }
        if mode == "only_b":  # both ranks make one group
            steps = [sync["done"] - part["done"] for part, sync in spans(run)]
            expected["group"] = 4 * sum(
                count * (width * sum(r) + REST) for count, r in zip(steps, sizes, strict=True)
            )
        counted = {label: run["bytes"].get(label, 0) for label in ("full", "sync", "factors")}
        if "group" in run["bytes"]:
            counted["group"] = run["bytes"]["group"]
        assert counted == expected


def test_bytes_within_groups(four_ranks: Ranks) -> None:
    for run in (answer["halves"] for answer in four_ranks):
        for part, sync in spans(run):
            rank = sum(part["after"]["factors"][key][0].shape[1] for key in ranks.FACTORED)
            sent = sync["payload"]["group"] - part["payload"].get("group", 0)
            assert sent == 4 * (sync["done"] - part["done"]) * (ranks.WIDTH * rank + REST)
            assert sync["payload"]["full"] == part["payload"]["full"]


def test_local_sgd_averages_whole_weights(two_ranks: Ranks) -> None:
    first, second = (answer["local_sgd"] for answer in two_ranks)
    assert same(first["state"], second["state"])
    assert first["bytes"]["full"] == 4 * PARAMETERS * FULL_STEPS
    assert first["bytes"]["sync"] == 4 * PARAMETERS * len(SYNC)
    assert "group" not in first["bytes"]
    assert not same(first["state"], two_ranks[0]["backprop"]["state"])


def test_compression_counts_factors_against_whole_weights(two_ranks: Ranks) -> None:
    [run, _] = of_mode(two_ranks, "with_stale")
    stored = REST + 2 * ranks.WIDTH * sum(run["ranks"].values())
    assert run["compression"] == pytest.approx(stored / PARAMETERS)


@pytest.mark.parametrize("run", ["validated", "batch norm"])
def test_validation_sees_what_all_ranks_agree_on(two_ranks: Ranks, run: str) -> None:
    first, second = (answer[run] for answer in two_ranks)
    assert same(first["state"], second["state"])
    assert first["validation_loss"] == pytest.approx(min(first["validation_losses"]), rel=1e-5)
    assert first["bytes"]["evaluation"] > 0


def test_resume_is_bit_identical_in_every_phase(two_ranks: Ranks) -> None:
    """Before the groups part, while they are apart, together again, and apart again."""
    for answer in two_ranks:
        for through, again in [*answer["resumed"], answer["resumed local_sgd"]]:
            assert again["losses"] == through["losses"]
            assert same(again["state"], through["state"])


def test_oialr_agrees_on_all_ranks(four_ranks: Ranks) -> None:
    runs = [answer["oialr"] for answer in four_ranks]
    assert all(same(runs[0]["state"], run["state"]) for run in runs)
    assert all(runs[0]["ranks"] == run["ranks"] for run in runs)
    assert all(rank < ranks.WIDTH for rank in runs[0]["ranks"].values())
    assert runs[0]["bytes"]["factors"] > 0


def test_groups_that_do_not_halve_are_refused(two_ranks: Ranks, four_ranks: Ranks) -> None:
    assert "do not halve" in two_ranks[0]["refused"][0]
    refused = four_ranks[0]["refused"]
    assert [refused[size] for size in (None, 1, 2)] == [[], [], []]
    assert "equal groups" in refused[3][0]
    assert "do not halve" in refused[4][0]


@pytest.mark.parametrize("name", ["ab_training", "local_sgd"])
def test_one_rank_is_refused(name: str) -> None:
    trainer = Trainer(TrainerConfig(1, 16, 1e-2), generator=torch.Generator())
    with pytest.raises(MethodRefused, match="needs 2 ranks"):
        trainer.fit(
            ranks.network(),
            create_loss("mse"),
            train=regression(),
            method=create_method(name),
        )


@pytest.mark.parametrize(
    "options",
    [
        {"warmup": -1.0},
        {"period": 1},
        {"full_steps": 0},
        {"rebound_steps": -1},
        {"group_size": 0},
        {"cutoff": 1.0},
        {"merge_mode": "median"},
        {"least_break_even": 0},
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(ValueError, match=name):
        AbTraining(**options)
    if name not in ("cutoff", "merge_mode", "least_break_even"):
        with pytest.raises(ValueError, match=name):
            LocalSgd(**options)
