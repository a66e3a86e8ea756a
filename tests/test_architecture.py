"""The rooms and the doors between them: who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "autopq", "training_methods")

# What a room may never reach, directly. Inside `autopq` the list is the way the data goes,
# backwards: a later room may know an earlier one, never the other way round.
FORBIDDEN = {
    "training_methods": {"app", "autopq", "numpy", "pandas", "optuna", "fastapi", "sqlalchemy"},
    "autopq": {"app", "fastapi", "starlette", "sqlalchemy", "alembic", "uvicorn", "httpx", "ray"},
    "autopq/data": {
        "autopq.forecasters",
        "autopq.quantiles",
        "autopq.search",
        "autopq.pipeline",
        "autopq.model",
        "autopq.evaluation",
    },
    "autopq/evaluation": {
        "autopq.forecasters",
        "autopq.quantiles",
        "autopq.search",
        "autopq.pipeline",
        "autopq.model",
    },
    "autopq/forecasters": {
        "autopq.quantiles",
        "autopq.search",
        "autopq.pipeline",
        "autopq.model",
    },
    "autopq/quantiles": {"autopq.search", "autopq.pipeline", "autopq.model"},
    "autopq/search": {"autopq.pipeline", "autopq.model"},
}

# What the web process loads; none of it may bring a numerical training library along.
LIGHT_MODULES = (
    "autopq.task",
    "autopq.errors",
    "autopq.observer",
    "autopq.energy",
    "autopq.leaderboard",
    "autopq.forecast",
    "autopq.situation",
    "autopq.data.audit",
    "autopq.data.table",
    "autopq.forecasters.registry",
    "autopq.quantiles.registry",
    "app.main",
)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_only_what_lies_before_it(room: str) -> None:
    found = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / room).rglob("*.py")
        for name in _imports(path)
        for door in FORBIDDEN[room]
        if name == door or name.startswith(door + ".")
    }
    assert not found


def test_the_light_modules_load_no_training_library() -> None:
    code = (
        "import sys, importlib\n"
        f"for name in {LIGHT_MODULES!r}: importlib.import_module(name)\n"
        "print(sorted({'torch', 'lightgbm', 'optuna', 'codecarbon', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_no_module_is_called_utils_and_nothing_unpickles() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert "utils" not in path.stem, path
            names = set(_imports(path))
            assert not names & {"pickle", "cloudpickle", "dill", "joblib"}, path
