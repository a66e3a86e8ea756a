"""Corrupted tables by the hundred: refused or read, never a 5xx, a hang or a file left behind."""

import io
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

pytestmark = pytest.mark.slow

Corruption = Callable[[bytearray, np.random.Generator], bytes]

EACH = 26  # files of each kind under each corruption: 4 × 5 × 26 are 520
SECONDS = 60.0  # longest time one answer may take on a busy machine


def flipped(whole: bytearray, rng: np.random.Generator) -> bytes:
    for at in rng.integers(len(whole), size=int(rng.integers(1, 16))):
        whole[at] ^= 1 << int(rng.integers(8))
    return bytes(whole)


def overwritten(whole: bytearray, rng: np.random.Generator) -> bytes:
    at, length = int(rng.integers(len(whole))), int(rng.integers(1, 64))
    whole[at : at + length] = rng.bytes(length)
    return bytes(whole)


def cut(whole: bytearray, rng: np.random.Generator) -> bytes:
    return bytes(whole[: int(rng.integers(1, len(whole)))])


def spliced(whole: bytearray, rng: np.random.Generator) -> bytes:
    """A piece moved elsewhere, as when parts of a file arrive in the wrong order."""
    first, second = sorted(int(at) for at in rng.integers(len(whole), size=2))
    return bytes(whole[second:] + whole[first:second] + whole[:first])


def repeated(whole: bytearray, rng: np.random.Generator) -> bytes:
    first, second = sorted(int(at) for at in rng.integers(len(whole), size=2))
    return bytes(whole[:second] + whole[first:second] * 3 + whole[second:])


CORRUPTIONS = (flipped, overwritten, cut, spliced, repeated)


@pytest.fixture(scope="module")
def whole(table: pd.DataFrame) -> dict[str, bytes]:
    some = table.head(60)
    parquet, stream = io.BytesIO(), pa.BufferOutputStream()
    some.to_parquet(parquet)
    arrow = pa.Table.from_pandas(some, preserve_index=False)
    with pa.ipc.new_stream(stream, arrow.schema) as writer:
        writer.write_table(arrow)
    columns = {name: some[name].astype(str).tolist() for name in some}
    return {
        "text/csv": some.to_csv(index=False).encode(),
        "application/vnd.apache.parquet": parquet.getvalue(),
        "application/vnd.apache.arrow.stream": stream.getvalue().to_pybytes(),
        "application/json": json.dumps({"columns": columns}).encode(),
    }


@pytest.fixture(scope="module")
def grown_id(service: Any, table: pd.DataFrame) -> str:
    """A dataset that broken rows are sent to."""
    return str(service.upload(table.head(60)))


@pytest.fixture
def leaves_nothing(service: Any) -> Iterator[None]:
    """Every file belongs to a dataset that was accepted."""
    yield
    ids = set()
    cursor = None
    while True:
        query = {"limit": 100, "fields": "id"} | ({"cursor": cursor} if cursor else {})
        page = service.http.get("/v1/datasets", params=query).json()
        ids |= {row["id"] for row in page["items"]}
        if (cursor := page["next_cursor"]) is None:
            break
    kept = {name.split(".")[0] for name in os.listdir(service.data_dir / "datasets")}
    assert kept == ids
    assert os.listdir(service.data_dir / "incoming") == []


@pytest.mark.slow
@pytest.mark.parametrize("corrupt", CORRUPTIONS)
@pytest.mark.parametrize(
    "media_type",
    [
        "text/csv",
        "application/vnd.apache.parquet",
        "application/vnd.apache.arrow.stream",
        "application/json",
    ],
)
def test_corrupted_uploads(
    service: Any,
    whole: dict[str, bytes],
    leaves_nothing: None,
    grown_id: str,
    media_type: str,
    corrupt: Corruption,
) -> None:
    rng = np.random.default_rng([len(media_type), CORRUPTIONS.index(corrupt)])
    for number in range(EACH):
        body = corrupt(bytearray(whole[media_type]), rng)
        path = "/v1/datasets" if number % 2 else f"/v1/datasets/{grown_id}/rows"
        answer = service.http.post(
            path, content=body, headers={"Content-Type": media_type}, timeout=SECONDS
        )
        assert answer.status_code in (201, 422), (number, answer.text)
        if answer.status_code == 422:
            assert answer.headers["content-type"] == "application/problem+json"
            assert all(finding["mend"] for finding in answer.json()["errors"])
    assert service.http.get("/readyz").status_code == 200
