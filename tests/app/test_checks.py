"""Whose fault it is when a table check does not succeed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.checks.pool import CheckPool
from app.core.errors import AppError, InvalidRequestError
from app.settings import Settings


def pool_of(settings: Settings) -> CheckPool:
    return CheckPool(settings, lambda task, seconds: None)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[CheckPool]:
    opened = pool_of(Settings(data_dir=tmp_path, check_processes=1, check_seconds=20))
    yield opened
    opened.close()


def test_a_fault_of_the_service_is_not_blamed_on_the_table(pool: CheckPool, tmp_path: Path) -> None:
    gone = {"path": str(tmp_path / "gone"), "media_type": "application/json"}
    for _ in range(2):
        with pytest.raises(AppError, match="FileNotFoundError") as caught:
            pool.run("inspect", table=gone)
        assert caught.value.status == 500


def test_a_table_that_takes_too_long_is(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("load\n" + "1\n" * 1_000_000)
    pool = pool_of(Settings(data_dir=tmp_path, check_processes=1, check_seconds=0.001))
    with pytest.raises(InvalidRequestError, match="memory or time"):
        pool.run("inspect", table={"path": str(file), "media_type": "text/csv"})
    pool.close()
