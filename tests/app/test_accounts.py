"""Who may use the service: keys, their scopes and ends, and a service without keys."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.accounts import service as accounts
from app.accounts.exposure import NeedsKeyError, check_exposure, is_loopback
from app.accounts.schemas import KeyCreate
from app.cli.application import app
from app.client import Client, ProblemError
from app.core import migrations
from app.core.clock import now
from app.core.database import Database
from app.core.schema import open_database
from app.settings import Settings

Make = Callable[..., Any]
CSV = {"content": b"timestamp,y\n2024-01-01,1\n", "headers": {"Content-Type": "text/csv"}}


def autopq(data_dir: Path, *arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [*arguments, "--data-dir", str(data_dir)])
    assert done.exit_code == code, done.output
    return done


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'autopq.sqlite3'}")
    migrations.upgrade(opened.engine)
    yield opened
    opened.close()


class TestExposure:
    @pytest.mark.parametrize(
        ("host", "safe"),
        [
            ("127.0.0.1", True),
            ("127.8.9.1", True),
            ("::1", True),
            ("localhost", True),
            ("0.0.0.0", False),
            ("::", False),
            ("", False),
            ("10.0.0.7", False),
            ("::ffff:10.0.0.7", False),
            ("no-such-host.invalid", False),
        ],
    )
    def test_only_loopback_addresses_are_safe(self, host: str, safe: bool) -> None:
        assert is_loopback(host) is safe

    def test_refuses_to_start_elsewhere_without_a_key(self, tmp_path: Path) -> None:
        done = autopq(tmp_path, "serve", "--host", "0.0.0.0", code=2)
        assert "0.0.0.0" in done.stderr
        assert "autopq keys create" in done.stderr
        assert "Traceback" not in done.stderr

    def test_may_start_elsewhere_with_one(self, database: Database, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path, host="0.0.0.0")
        with pytest.raises(NeedsKeyError):
            check_exposure(settings, database)
        with database.write() as session:
            accounts.create_key(session, "default", KeyCreate(name="first"))
        check_exposure(settings, database)


class TestWithoutKeys:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "forecasts.example"},
            {"Origin": "https://forecasts.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"X-Forwarded-For": "127.0.0.1"},
            {"Forwarded": "for=127.0.0.1"},
        ],
    )
    def test_strangers_cannot_use_it_through_this_machine(
        self, service: Any, headers: dict[str, str]
    ) -> None:
        answer = service.http.get("/v1/jobs", headers=headers)
        assert answer.status_code == 403, answer.text
        assert answer.json()["type"] == "/problems/forbidden"

    def test_pages_of_this_machine_can(self, service: Any) -> None:
        headers = {"Host": "localhost:1234", "Origin": "http://localhost:1234"}
        assert service.http.get("/v1/jobs", headers=headers).status_code == 200

    def test_a_key_that_is_none_is_refused_even_so(self, service: Any) -> None:
        assert service.http.get("/v1/jobs", headers=bearer("apq_0_0")).status_code == 401


def test_the_first_key_closes_the_service_and_revoking_it_opens_nothing(make_service: Make) -> None:
    service = make_service(supervise=False, ready=False)
    open_since = service.http.post("/v1/datasets", **CSV).json()["id"]
    key = autopq(service.data_dir, "keys", "create", "first").stdout.strip()
    # What another process does is noticed within a second.
    service.until(lambda: service.http.get("/v1/datasets").status_code == 401, "the door to close")

    local = {"Host": "localhost", "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
    for headers in ({}, local, bearer(key + "x"), {"Authorization": f"Basic {key}"}):
        answer = service.http.get("/v1/datasets", headers=headers)
        assert answer.status_code == 401, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert service.http.get("/healthz").status_code == 200
    listed = service.http.get("/v1/datasets", headers=bearer(key)).json()["items"]
    assert [dataset["id"] for dataset in listed] == [open_since]

    with Client(str(service.http.base_url), api_key=key) as client:
        assert client.dataset(open_since).id == open_since
    with Client(str(service.http.base_url)) as client, pytest.raises(ProblemError, match="key"):
        client.dataset(open_since)

    autopq(service.data_dir, "keys", "revoke", key.split("_")[1])
    asked = {"url": "/v1/datasets", "headers": bearer(key)}
    service.until(lambda: service.http.get(**asked).status_code == 401, "the key's end")
    assert service.http.get("/v1/datasets").status_code == 401
    assert "revoked" in autopq(service.data_dir, "keys", "list").stdout
    autopq(service.data_dir, "keys", "revoke", "nothing", code=1)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, service_type: Any) -> Iterator[Any]:
    """A service and the headers of keys by what they may do."""
    service = service_type(tmp_path_factory.mktemp("closed"), ready=False, supervise=False)
    service.start()
    database = open_database(f"sqlite:///{service.data_dir / 'autopq.sqlite3'}")
    keys = {}
    with database.write() as session:
        for scopes in ("read", "submit", "admin", "read admin"):
            request = KeyCreate(name=scopes, scopes=scopes.split())
            keys[scopes] = bearer(accounts.create_key(session, "default", request).key)
    database.close()
    yield service.http, keys
    service.stop()


class TestKeys:
    @pytest.mark.parametrize(
        ("scopes", "list_datasets", "create_dataset", "list_keys"),
        [("read", 200, 403, 403), ("submit", 403, 201, 403), ("admin", 403, 403, 200)],
    )
    def test_scopes(
        self, closed: Any, scopes: str, list_datasets: int, create_dataset: int, list_keys: int
    ) -> None:
        http, keys = closed
        headers = keys[scopes]
        assert http.get("/v1/datasets", headers=headers).status_code == list_datasets
        upload = {**CSV, "headers": headers | CSV["headers"]}
        assert http.post("/v1/datasets", **upload).status_code == create_dataset
        assert http.get("/v1/keys", headers=headers).status_code == list_keys

    def test_a_key_gives_no_more_than_it_has(self, closed: Any) -> None:
        http, keys = closed
        body = {"name": "more", "scopes": ["read", "submit"]}
        answer = http.post("/v1/keys", json=body, headers=keys["read admin"])
        assert answer.status_code == 403, answer.text
        assert "submit" in answer.json()["detail"]

    def test_made_used_and_revoked_over_http(self, closed: Any) -> None:
        http, keys = closed
        admin = keys["read admin"]
        made = http.post("/v1/keys", json={"name": "new", "scopes": ["read"]}, headers=admin)
        assert made.status_code == 201, made.text
        assert made.headers["cache-control"] == "no-store"
        headers = bearer(made.json()["key"])
        assert http.get("/v1/datasets", headers=headers).status_code == 200
        shown = http.get(made.headers["location"], headers=admin).json()
        assert shown == {name: made.json()[name] for name in shown}
        assert "key" not in shown
        for _ in range(2):
            revoked = http.delete(made.headers["location"], headers=admin)
            assert revoked.json()["revoked_at"] is not None
        assert http.get("/v1/datasets", headers=headers).status_code == 401

    def test_an_expiry_in_the_past_is_refused(self, closed: Any) -> None:
        http, keys = closed
        body = {"name": "late", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}
        answer = http.post("/v1/keys", json=body, headers=keys["read admin"])
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == "expires_at"


def test_an_expired_key_speaks_for_nobody(database: Database) -> None:
    request = KeyCreate(name="short", expires_at=now() + timedelta(hours=1))
    with database.write() as session:
        key = accounts.create_key(session, "default", request).key
    with database.look() as connection:
        assert accounts.bearer(connection, key, now()) is not None
        assert accounts.bearer(connection, key, now() + timedelta(hours=1)) is None


@pytest.mark.parametrize("text", ["", "apq", "apq_", "apq__", "apq_x_", "abc_x_y", "é", "apq_x_é"])
def test_what_is_no_key_speaks_for_nobody(database: Database, text: str) -> None:
    with database.look() as connection:
        assert accounts.bearer(connection, text, now()) is None


def test_no_secret_is_stored(database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        key = accounts.create_key(session, "default", KeyCreate(name="first")).key
    secret = key.split("_", 2)[2].encode()
    assert not any(secret in file.read_bytes() for file in tmp_path.iterdir())
