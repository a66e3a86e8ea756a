"""A folder and an S3-compatible server keep the contract of stores of artefacts."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from obstore.store import S3Store

from app.core import migrations
from app.core.artefacts import ArtefactStore, StoreUnavailableError, open_store
from app.core.schema import open_database
from app.engine.sweep import sweep
from app.settings import Settings
from tests.app.furniture import furnish
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


class TestCredentialsOfS3:
    """Of a file in AWS's format."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """What a server on the loopback interface was told of who asks."""
        seen: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                seen.append(f"{self.headers['Authorization']} {self.headers['Host']}")
                self.send_response(200)
                self.send_header("ETag", '"1"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                monkeypatch.delenv(name)
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
            monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield seen
            server.shutdown()

    def test_its_profile_is_used(
        self, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "credentials"
        keys = "aws_access_key_id = {}\naws_secret_access_key = a%b/c+d\n"
        file.write_text(
            f"[default]\n{keys.format('FIRST')}[autopq]\n{keys.format('SECOND')}", encoding="utf-8"
        )
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        open_store("s3://bucket/x").put("datasets/ds_1", file)
        monkeypatch.setenv("AWS_PROFILE", "autopq")
        open_store("s3://bucket/x").put("datasets/ds_1", file)
        assert "Credential=FIRST/" in asked[0]
        assert "Credential=SECOND/" in asked[-1]

    def test_one_that_cannot_be_used_is_named_without_its_content(
        self, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "credentials"
        file.write_text("aws_secret_access_key = hidden\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        with pytest.raises(StoreUnavailableError, match="no credentials of profile") as caught:
            open_store("s3://bucket/x").put("datasets/ds_1", file)
        assert "hidden" not in str(caught.value)
        assert asked == []


@pytest.mark.usefixtures("aws")
@pytest.mark.slow
def test_a_machine_without_the_files_fetches_them(
    make_service: Callable[..., Any], table: Any
) -> None:
    url = f"s3://{BUCKET}/service"
    service = make_service(artefacts_url=url)
    store = open_store(url)

    def leave_nothing() -> None:
        """As on another machine, or after the disk was lost."""
        for folder in ("datasets", "models", "forecasts"):
            for path in (service.data_dir / folder).iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    dataset_id = service.upload(table)
    leave_nothing()
    job = service.finish(service.submit(dataset_id)["id"], 300)
    assert job["state"] == "succeeded", job
    assert list(store.names("models")) == [f"models/{job['id']}-1"]
    leave_nothing()
    history = {"dataset_id": dataset_id}
    forecast = service.forecast(job["model_id"], history=history, future_covariates=history)
    assert forecast["state"] == "succeeded", forecast
    leave_nothing()
    assert service.http.get(f"/v1/forecasts/{forecast['id']}").status_code == 200
    service.http.delete(f"/v1/forecasts/{forecast['id']}").raise_for_status()
    service.http.delete(f"/v1/jobs/{job['id']}").raise_for_status()
    service.http.delete(f"/v1/datasets/{dataset_id}").raise_for_status()
    for folder in ("datasets", "models", "forecasts"):
        assert store.names(folder) == {}
        assert list((service.data_dir / folder).iterdir()) == []


def test_rows_that_the_store_did_not_take_were_not_appended(
    make_service: Callable[..., Any], tmp_path: Path
) -> None:
    """Another machine may append others meanwhile."""
    store = tmp_path / "store"
    service = make_service(artefacts_url=store.as_uri())
    csv = {"Content-Type": "text/csv"}
    posted = service.http.post("/v1/datasets", content="timestamp,y\n2024-01-01,1\n", headers=csv)
    path = posted.headers["location"]
    name = path.rpartition("/")[2]
    in_the_way = store / "datasets" / f"{name}.2" / "manifest.json" / "folder"
    in_the_way.mkdir(parents=True)

    def append() -> int:
        row = "timestamp,y\n2024-01-02,2\n"
        return service.http.post(f"{path}/rows", content=row, headers=csv).status_code

    assert append() == 503
    assert service.http.get(path).json()["version"] == 1
    assert [file.name for file in (service.data_dir / "datasets").iterdir()] == [name]
    shutil.rmtree(in_the_way.parent)
    assert append() == 201
    assert service.http.get(path).json()["version"] == 2
    shutil.rmtree(store / "datasets")
    (store / "datasets").write_text("no folder")  # a store that is out of order
    assert service.http.delete(path).status_code == 204
    assert service.http.get(path).status_code == 404
    assert list((service.data_dir / "datasets").iterdir()) == []


@pytest.mark.usefixtures("aws")
def test_what_no_row_names_is_swept_after_a_while(tmp_path: Path) -> None:
    store = open_store(f"s3://{BUCKET}/sweep")
    settings = Settings(data_dir=tmp_path, artefacts_url=f"s3://{BUCKET}/sweep")
    settings.storage.prepare()
    database = open_database(settings.resolved_database_url)
    migrations.upgrade(database.engine)
    ids = furnish(database, settings.storage, "default", "default")
    wanted = f"datasets/{ids['dataset_id']}"
    source = tmp_path / "source"
    source.write_bytes(b"1")
    for name in (wanted, "datasets/ds_none", "models/job_none-1", "forecasts/fc_none-1.parquet"):
        store.put(name, source)
    sweep(settings.storage, database)  # they may belong to a request that is just served
    assert len(store.names("datasets")) == 2
    sweep(settings.storage, database, min_age=-60)
    database.close()
    assert list(store.names("datasets")) == [wanted]
    assert store.names("models") == store.names("forecasts") == {}


def test_a_store_out_of_order_keeps_no_leftovers_here(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.write_text("no folder")
    settings = Settings(data_dir=tmp_path / "data", artefacts_url=store.as_uri())
    settings.storage.prepare()
    database = open_database(settings.resolved_database_url)
    migrations.upgrade(database.engine)
    model = settings.storage.attempt_model("job_1", 1)
    for discard in (
        lambda: settings.storage.discard_attempt("job_1", 1),
        lambda: sweep(settings.storage, database, min_age=0),
    ):
        model.mkdir()
        discard()
        assert not model.exists()
    database.close()


def void(_: object) -> None:
    """Nothing."""


@pytest.mark.parametrize("url", ["", "var", "http://127.0.0.1/", "file://host/folder", "s3://"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="use file:///folder or s3://bucket/prefix"):
        open_store(url)
