"""SQLite keeps the contract of databases."""

from pathlib import Path

import pytest

from tests.contracts.databases import DatabaseContract


class TestSqlite(DatabaseContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'autopq.sqlite3'}"
