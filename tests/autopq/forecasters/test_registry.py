"""Forecasters by name."""

import subprocess
import sys

import optuna
import pytest

from autopq.errors import InputError
from autopq.forecasters import registry


def test_every_name_gives_its_class() -> None:
    assert registry.names()[:4] == ("seasonal_naive", "climatology", "lightgbm", "mlp")
    for name in registry.names():
        assert registry.create(name).name == name


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'prophet' is unknown.*seasonal_naive.*mlp"):
        registry.create("prophet")


def test_unknown_parameter_is_named() -> None:
    with pytest.raises(InputError, match=r"lightgbm\.trees.*num_leaves"):
        registry.create("lightgbm", trees=5)


def test_listing_names_imports_no_heavy_library() -> None:
    code = (
        "import sys; from autopq.forecasters import registry; registry.names();"
        "print([m for m in ('torch', 'lightgbm', 'scipy') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", registry.names())
def test_search_space_draws_known_parameters(name: str) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(5):
        drawn = registry.load(name).search_space(study.ask())
        registry.create(name, **drawn)
