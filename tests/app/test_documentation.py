"""What the documentation shows works: its blocks and the examples run against a real service."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
NO_SCRIPTS = {"plotting.py"}  # imported by others
NEEDS_DATA = {"demo.py"}  # `make demo` runs it

pytestmark = pytest.mark.slow


def blocks(document: str) -> list[tuple[int, str]]:
    """The Python blocks of a document and the lines they begin at."""
    found = re.finditer(r"^```python\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    return [(document[: match.start(1)].count("\n"), match[1]) for match in found]


def test_every_block_of_the_api_document_runs(
    make_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service()
    monkeypatch.setenv("AUTOPQ_URL", str(service.http.base_url))
    path = ROOT / "docs" / "api.md"
    namespace: dict[str, Any] = {"__name__": "docs"}
    asked: set[tuple[str, str]] = set()
    for line, code in blocks(path.read_text(encoding="utf-8")):
        exec(compile("\n" * line + code, str(path), "exec"), namespace)
        namespace["http"].event_hooks = {"request": [lambda r: asked.add((r.method, r.url.path))]}
    contract = namespace["http"].get("/openapi.json").json()["paths"]
    namespace["http"].close()
    untold = [
        f"{method} {template}"
        for template, operations in contract.items()
        for method in operations
        if not any(
            method.upper() == used and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), url)
            for used, url in asked
        )
    ]
    assert untold == [], "show what each is good for"


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n not in NO_SCRIPTS | NEEDS_DATA])
def test_examples_run(service: Any, table: pd.DataFrame, tmp_path: Path, name: str) -> None:
    table.to_csv(tmp_path / "load.csv", index=False)
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), "load.csv"],
        cwd=tmp_path,
        env={**os.environ, "AUTOPQ_URL": str(service.http.base_url), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
