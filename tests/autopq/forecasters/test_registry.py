"""Forecasters by name."""

import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.errors import InputError
from autopq.forecasters import registry

# `chronos` is left out where its extra is not installed.
AVAILABLE = [name for name in registry.names() if registry.unavailable(name) is None]


def test_every_name_gives_its_class() -> None:
    assert registry.names()[:4] == ("seasonal_naive", "climatology", "lightgbm", "mlp")
    for name in AVAILABLE:
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


@pytest.mark.parametrize("name", AVAILABLE)
def test_search_space_draws_known_parameters(name: str) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(5):
        drawn = registry.load(name).search_space(study.ask())
        registry.create(name, **drawn)


@pytest.mark.parametrize(("name", "package"), [("svr", "sklearn"), ("sarimax", "statsmodels")])
def test_a_forecaster_whose_package_is_missing_names_the_extra(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    reason = rf"'{name}' needs the package {package}.*autopq-service\[statistical\]"
    with pytest.raises(InputError, match=reason):
        registry.create(name)
    # A task that names it is refused before any row is read.
    with pytest.raises(InputError, match=reason):
        AutoPQ(TaskConfig(forecasters=(name,)))


PLUG_IN = """
import numpy as np
from autopq.forecasters.base import PointForecaster, State

class LastDay(PointForecaster):
    name = "last_day"

    @classmethod
    def defaults(cls):
        return {"factor": 1.0}

    def fit(self, train, validation, context):
        self._rows = len(train)

    def predict(self, windows):
        return self.params["factor"] * windows.history(windows.horizon)

    def state(self):
        return State({}, {"params": self.params, "rows": self._rows})

    @classmethod
    def from_state(cls, state):
        forecaster = cls(**state.meta["params"])
        forecaster._rows = state.meta["rows"]
        return forecaster
"""

USE_PLUG_IN = """
import sys
from pathlib import Path
import numpy as np
from autopq import AutoPQ, TaskConfig
from autopq.data.example import synthetic_load
from autopq.forecasters import registry
from autopq.model import FittedModel

assert registry.names()[-1] == "last_day" and "last_day" not in registry.built_in()
table = synthetic_load(np.random.default_rng(0), days=20)
config = TaskConfig(target="load", forecasters=("last_day",), quantile_models=("residual",))
result = AutoPQ(config).fit(table)
assert {row.forecaster for row in result.leaderboard} == {"seasonal_naive", "last_day"}
assert not [row.error for row in result.leaderboard if row.error]
"""


def test_a_package_brings_its_own_forecaster(tmp_path: Path) -> None:
    (tmp_path / "house_forecasters.py").write_text(PLUG_IN)
    about = tmp_path / "house_forecasters-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: house-forecasters\nVersion: 1.0\n"
    )
    (about / "entry_points.txt").write_text(
        "[autopq.forecasters]\nlast_day = house_forecasters:LastDay\n"
        # Built-in names cannot be taken over.
        "linear = house_forecasters:LastDay\n"
    )
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n{USE_PLUG_IN}"
    code += "assert registry.load('linear').__module__ == 'autopq.forecasters.linear'\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
