"""The page at `/docs`: complete, unchanged, and of this service alone."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from app.reference import endpoints

VENDOR = Path(endpoints.__file__).with_name("VENDOR.md")


def test_the_page_asks_nobody_else(service: Any) -> None:
    page = service.http.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {f"docs/{asset}" for asset in endpoints.ASSETS} <= set(named)
    for name in named:
        assert name.startswith(("docs/", "data:")) or name == "openapi.json"
    assert "<script>" not in page.text


@pytest.mark.parametrize("asset", endpoints.ASSETS)
def test_what_it_is_made_of_is_there(service: Any, asset: str) -> None:
    answer = service.http.get(f"/docs/{asset}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(endpoints.ASSETS[asset])
    assert answer.content


@pytest.mark.parametrize("asset", ["page.html", "LICENSE", "..%2Fendpoints.py", "nothing"])
def test_nothing_else_is_handed_out(service: Any, asset: str) -> None:
    assert service.http.get(f"/docs/{asset}").status_code == 404


def test_vendored_files_are_the_ones_written_down() -> None:
    told = re.findall(r"^([0-9a-f]{64})  (\S+)$", VENDOR.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(told) == 2
    for digest, name in told:
        file = VENDOR.parent / "static" / name
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
