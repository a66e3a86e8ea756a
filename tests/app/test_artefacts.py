"""A folder and an S3-compatible server keep the contract of stores of artefacts."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import S3Store

from app.core.artefacts import ArtefactStore, StoreUnavailableError, open_store
from tests.contracts.artefacts import ArtefactStoreContract, Tamper

BUCKET = "autopq"


class TestFolder(ArtefactStoreContract):
    @pytest.fixture
    def root(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("shared")

    @pytest.fixture
    def store(self, root: Path) -> ArtefactStore:
        return open_store(root.as_uri())

    @pytest.fixture
    def tamper(self, root: Path) -> Tamper:
        def write(key: str, content: bytes) -> None:
            (root / key).parent.mkdir(parents=True, exist_ok=True)
            (root / key).write_bytes(content)

        return write


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Address of a server on the loopback interface with an empty bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.put(f"{address}/{BUCKET}").raise_for_status()
                break
            except httpx.TransportError:
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def aws(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.mark.usefixtures("aws")
class TestS3(ArtefactStoreContract):
    @pytest.fixture
    def url(self, request: pytest.FixtureRequest) -> str:
        return f"s3://{BUCKET}/{abs(hash(request.node.nodeid))}"

    @pytest.fixture
    def store(self, url: str) -> ArtefactStore:
        return open_store(url)

    @pytest.fixture
    def tamper(self, url: str) -> Tamper:
        past = S3Store.from_url(url)
        return lambda key, content: void(obstore.put(past, key, content))

    def test_a_bucket_that_is_not_there(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"1")
        with pytest.raises(StoreUnavailableError):
            open_store("s3://nowhere/").put("datasets/ds_1", source)


def void(_: object) -> None:
    """Nothing."""


@pytest.mark.parametrize("url", ["", "var", "http://127.0.0.1/", "file://host/folder", "s3://"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="use file:///folder or s3://bucket/prefix"):
        open_store(url)
