"""What a task may ask of training methods, and that it agrees with what the methods say."""

import inspect
import json
import subprocess
import sys
from typing import Any, get_args

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from autopq import AutoPQ, TaskConfig
from autopq.errors import InputError
from autopq.forecasters import registry as forecasters
from autopq.forecasters.networks.mlp import MLP
from autopq.forecasters.networks.nhits import NHiTS
from autopq.presets import effort
from autopq.quantiles import registry as quantile_models
from autopq.quantiles.flow import ConditionalFlow, FlowSettings
from autopq.training_plan import NETWORKS, OPTIONS, REFUSED, STAGES, MethodName
from training_methods import (
    METHODS,
    LocalCommunicator,
    Loss,
    MethodContext,
    TensorData,
    create_loss,
    create_method,
)


def task(**methods: Any) -> TaskConfig:
    return TaskConfig.model_validate({"training_methods": methods})


def test_a_name_a_list_and_settings_are_ways_to_say_the_same() -> None:
    by_name = task(forecaster="f3").training_methods.forecaster
    assert by_name == task(forecaster=["f3"]).training_methods.forecaster
    assert by_name == task(forecaster=[{"name": "f3"}]).training_methods.forecaster
    assert task().training_methods.of("cinn") is None


def test_a_task_survives_json() -> None:
    wished = task(
        forecaster=["backprop", {"name": "oialr", "options": {"cutoff": 0.3}}],
        cinn={"name": "backprop", "ranks": 2},
    )
    assert TaskConfig.model_validate(json.loads(wished.model_dump_json())) == wished


def test_labels_tell_variants_apart() -> None:
    chosen = task(
        forecaster=[
            "f3",
            {"name": "f3", "options": {"feedback": "identity"}},
            {"name": "ab_training", "ranks": 4},
        ]
    ).training_methods.forecaster
    assert chosen is not None
    assert [choice.label for choice in chosen] == [
        "f3",
        "f3(feedback=identity)",
        "ab_training(ranks=4)",
    ]


def test_methods_about_ranks_start_with_two() -> None:
    chosen = task(forecaster=["backprop", "ab_training", "local_sgd"]).training_methods.forecaster
    assert chosen is not None
    assert [choice.world_size for choice in chosen] == [1, 2, 2]
    with pytest.raises(ValidationError, match="at least 2 ranks"):
        task(forecaster={"name": "ab_training", "ranks": 1})


@pytest.mark.parametrize(
    ("methods", "reason"),
    [
        ({"forecaster": "adjoint"}, "'backprop'.*'f3'.*'ab_training'"),
        ({"cinn": "f3"}, "f3 cannot train the stage 'cinn'.*likelihood.*block_local"),
        ({"forecaster": ["f3", "f3"]}, "listed twice"),
        ({"forecaster": []}, "at least one"),
        ({"decoder": "f3"}, "decoder"),
        ({"forecaster": {"name": "f3", "options": {"warmth": 1}}}, "no option warmth.*feedback"),
        ({"cinn": {"name": "backprop", "options": {"k": 1}}}, "no option k; known: none"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(methods: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s){reason}"):
        task(**methods)


def test_the_known_names_are_those_of_the_methods() -> None:
    assert set(get_args(MethodName)) == set(METHODS)


def test_the_known_options_are_those_of_the_methods() -> None:
    known = {name: set(inspect.signature(method).parameters) for name, method in METHODS.items()}
    assert known == OPTIONS


def test_the_known_networks_are_those_of_the_components() -> None:
    found: dict[str, set[str]] = {stage: set() for stage in STAGES}
    for registry in (forecasters, quantile_models):
        for name in registry.built_in():
            if registry is forecasters and forecasters.unavailable(name) is not None:
                continue  # its package is not installed
            component = registry.load(name)
            if component.training_stage is not None:
                found[component.training_stage].add(name)
                asked = {"training_method", "training_options", "training_ranks"}
                assert asked <= set(component.defaults())
    assert found == {stage: set(names) for stage, names in NETWORKS.items()}


class _Ranks(LocalCommunicator):
    """A world that methods are only asked about."""

    world_size = 2


Kind = tuple[nn.Module, Loss, TensorData]


def _networks_of(stage: str) -> list[Kind]:
    """A network of every kind that the stage has."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(16, 40, generator=generator)
    if stage == "cinn":
        settings = FlowSettings(
            dimensions=8, condition_size=40, blocks=2, hidden=80, condition_hidden=80, embedding=64
        )
        data = TensorData((torch.randn(16, 8, generator=generator), x))
        return [(ConditionalFlow(settings, generator), create_loss("flow_nll"), data)]
    chain = MLP(40, 3 if stage == "quantile" else 1, hidden=64, layers=2, dropout=0.0)
    chain.initialise(generator)
    if stage == "quantile":
        levels = (0.1, 0.5, 0.9)
        return [(chain, create_loss("pinball", levels=levels), TensorData((x,), x[:, 0]))]
    additive = NHiTS(40, 8)
    additive.initialise(generator)
    return [
        (chain, create_loss("mae"), TensorData((x,), x[:, :1])),
        (additive, create_loss("mae"), TensorData((x, x[:, :0]), x[:, :8])),
    ]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", sorted(METHODS))
def test_what_is_refused_at_once_is_what_the_method_refuses(stage: Any, name: str) -> None:
    communicator = _Ranks()
    communicator.world_size = 2
    refused: list[list[str]] = []
    for network, loss, data in _networks_of(stage):
        context = MethodContext(data, torch.device("cpu"), torch.Generator(), communicator, 10, 10)
        found = create_method(name).check(network, loss, context)
        refused.append([finding.reason for finding in found if finding.severity == "error"])
    assert all(refused) == (name in REFUSED[stage]), refused


def test_a_preset_without_a_network_is_given_one() -> None:
    fast = effort(TaskConfig(preset="fast"))
    assert not {"mlp", "mlp_quantile"} & {*fast.forecasters, *fast.quantile_models}
    wished = {"forecaster": "f3", "quantile": "f3"}
    found = effort(TaskConfig.model_validate({"preset": "fast", "training_methods": wished}))
    assert "mlp" in found.forecasters
    assert "mlp_quantile" in found.quantile_models


def test_methods_without_a_network_to_train_are_refused() -> None:
    config = TaskConfig.model_validate(
        {"forecasters": ["lightgbm"], "training_methods": {"forecaster": "f3"}}
    )
    with pytest.raises(
        InputError, match=r"training_methods\.forecaster.*Add mlp or .* to `forecasters`"
    ):
        effort(config)


def test_values_no_method_takes_are_named_before_anything_is_fitted() -> None:
    config = task(forecaster=["backprop", {"name": "f3", "options": {"feedback": "warm"}}])
    with pytest.raises(InputError, match=r"training_methods\.forecaster\.1.*feedback.*trinomial"):
        AutoPQ(config)


def test_a_task_is_checked_without_torch() -> None:
    code = (
        "import sys; from autopq.presets import effort; from autopq.task import TaskConfig;"
        "effort(TaskConfig.model_validate({'training_methods': {'cinn': 'oialr'}}));"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
