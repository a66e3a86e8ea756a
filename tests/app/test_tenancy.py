"""No endpoint shows or changes what belongs to another tenant.

The cases come from the router table: an endpoint with an id in its path is tried with the key of
a tenant that does not own the id, and one without must be listed below with what it may show.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from app.accounts import service as accounts
from app.accounts.guard import PUBLIC_PATHS
from app.accounts.schemas import KeyCreate
from app.core.database import Base
from app.core.schema import METADATA, open_database
from app.core.storage import Storage
from app.core.tenancy import TenantOwned
from app.main import create_app
from app.settings import Settings
from tests.app.furniture import furnish

Document = dict[str, Any]

TENANT_TABLES = (
    "dataset",
    "job",
    "model",
    "forecast",
    "energy_ledger",
    "api_key",
    "webhook",
    "webhook_delivery",
    "webhook_secret",
)


def own_items(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert [row["id"].rpartition("_")[2] for row in answer.json()["items"]] == ["stranger"]


def own_electricity(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"]["seconds"] == 1


def own_keys(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert [key["name"] for key in answer.json()["items"]] == ["stranger"]


def own_usage(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert answer.json()["queued_jobs"]["used"] == 0
    assert answer.json()["dataset_bytes"]["used"] < 2000  # each has 1000 and an upload


def own_page(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert "dataset_of_default" not in answer.text


def forbidden(answer: httpx.Response) -> None:
    """It is over all tenants, for which the scope `metrics` is needed."""
    assert answer.status_code == 403, answer.text


def not_found(answer: httpx.Response) -> None:
    assert answer.status_code == 404, answer.text


def made(answer: httpx.Response) -> None:
    """It takes no id from the request, so it can only make something new."""
    assert answer.status_code == 201, answer.text


# Endpoints without an id in the path: what a stranger may get, and the body to try it with.
WITHOUT_ID: dict[tuple[str, str], tuple[Callable[[httpx.Response], None], Document]] = {
    ("GET", "/v1/datasets"): (own_items, {}),
    ("GET", "/v1/energy"): (own_electricity, {}),
    ("GET", "/v1/energy/report"): (own_page, {}),
    ("GET", "/v1/energy/machines"): (forbidden, {}),
    ("GET", "/v1/forecasts"): (own_items, {}),
    ("GET", "/v1/jobs"): (own_items, {}),
    ("GET", "/v1/models"): (own_items, {}),
    ("GET", "/v1/keys"): (own_keys, {}),
    ("GET", "/v1/usage"): (own_usage, {}),
    ("GET", "/metrics"): (forbidden, {}),
    ("POST", "/v1/timeseries/forecast"): (
        not_found,
        {
            "json": {
                "model": "model_of_default",
                "inputs": [
                    {"type": "univariate_time_series", "name": "a", "series": [1], "frequency": "H"}
                ],
                "options": {"horizon": 1},
            }
        },
    ),
    ("POST", "/v1/datasets"): (
        made,
        {"content": b"timestamp,y\n2024-01-01,1\n", "headers": {"Content-Type": "text/csv"}},
    ),
    ("POST", "/v1/jobs"): (not_found, {"json": {"dataset_id": "dataset_of_default"}}),
    ("POST", "/v1/jobs:estimate"): (not_found, {"json": {"dataset_id": "dataset_of_default"}}),
    ("POST", "/v1/webhook-secret"): (made, {}),
    ("POST", "/v1/keys"): (made, {"json": {"name": "another"}}),
}


def routes() -> list[tuple[str, str]]:
    found = sorted(
        (method, route.path)
        for route in iter_route_contexts(create_app(Settings()).routes)
        if route.path not in PUBLIC_PATHS
        for method in route.methods
    )
    assert ("GET", "/v1/jobs/{job_id}") in found
    return found


ROUTES = routes()
WITH_ID = [(method, path) for method, path in ROUTES if "{" in path]
# What deletes comes last, and of that the job, which takes its model along, and then the key these
# tests use.
_LAST = ("/v1/jobs", "/v1/keys")
LAST_DELETED = sorted(
    WITH_ID, key=lambda route: (route[0] == "DELETE", route[1].startswith(_LAST), route)
)


class Houses:
    """A running service with an owner who has everything, and a stranger who has the same."""

    def __init__(self, service: Any, ids: dict[str, Document], keys: dict[str, str]) -> None:
        self.service = service
        self.ids = ids
        self.keys = keys
        self.api: Document = service.http.get("/openapi.json").json()

    def stranger(self, method: str, path: str, **request: Any) -> httpx.Response:
        return self._ask(self.keys["stranger"], method, path, **request)

    def owner(self, method: str, path: str, **request: Any) -> httpx.Response:
        return self._ask(self.keys["default"], method, path, **request)

    def _ask(self, key: str, method: str, url: str, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", **request.pop("headers", {})}
        with self.service.http.stream(method, url, headers=headers, **request) as answer:
            # A stream of events has no end; whether there is one is all that is asked.
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
            return answer

    def body(self, method: str, path: str, ids: Document) -> Document:
        """A request that passes validation, so that ids decide: the example of the schema."""
        operation = self.api["paths"][path][method.lower()]
        if "requestBody" not in operation:
            return {}
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = self.api["components"]["schemas"][reference.rpartition("/")[2]]
        return {"json": _with_ids(schema["examples"][0], ids)}

    def rows(self) -> dict[str, list[Any]]:
        return {
            table: self.service.rows(f"SELECT * FROM {table} WHERE tenant_id = 'default'")
            for table in TENANT_TABLES
        }


def _with_ids(example: Any, ids: Document) -> Any:
    if isinstance(example, list):
        return [_with_ids(item, ids) for item in example]
    if isinstance(example, dict):
        return {name: ids.get(name, _with_ids(value, ids)) for name, value in example.items()}
    return example


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory, service_type: Any) -> Iterator[Houses]:
    service = service_type(tmp_path_factory.mktemp("houses"), ready=False, supervise=False)
    service.start()
    database = open_database(f"sqlite:///{service.data_dir / 'autopq.sqlite3'}")
    ids, keys = {}, {}
    for name in ("default", "stranger"):
        with database.write() as session:
            tenant = accounts.tenant_named(session, name).id
            request = KeyCreate(name=name, scopes=["read", "submit", "admin"])
            key = accounts.create_key(session, tenant, request)
        ids[name] = furnish(database, Storage(service.data_dir), tenant, name) | {"key_id": key.id}
        keys[name] = key.key
    database.close()
    yield Houses(service, ids, keys)
    service.stop()


@pytest.mark.parametrize(("method", "path"), WITH_ID)
def test_a_foreign_id_is_not_found(houses: Houses, method: str, path: str) -> None:
    before = houses.rows()
    foreign = houses.ids["default"]
    url = path.format(**foreign)  # a KeyError here: `furnish` makes no row of that kind yet
    answer = houses.stranger(method, url, **houses.body(method, path, foreign))
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert houses.rows() == before
    # In the words for an id that never was: nobody learns that it exists.
    never = dict.fromkeys(foreign, "never")
    unknown = houses.stranger(method, path.format(**never), **houses.body(method, path, never))
    told = answer.json()["detail"]
    for known in foreign.values():
        told = told.replace(f"'{known}'", "'never'")
    assert unknown.json()["detail"] == told


@pytest.mark.parametrize(("method", "path"), WITH_ID)
def test_a_foreign_id_in_the_body_is_not_found(houses: Houses, method: str, path: str) -> None:
    foreign, own = houses.ids["default"], houses.ids["stranger"]
    body = houses.body(method, path, foreign)
    if body == houses.body(method, path, own):
        return  # it takes none
    answer = houses.stranger(method, path.format(**own), **body)
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(("method", "path"), [pair for pair in ROUTES if pair not in WITH_ID])
def test_without_an_id_nothing_foreign_is_shown(houses: Houses, method: str, path: str) -> None:
    assert (method, path) in WITHOUT_ID, "say what a stranger may get from this endpoint"
    check, request = WITHOUT_ID[method, path]
    before = houses.rows()
    check(houses.stranger(method, path, **request))
    assert houses.rows() == before


@pytest.mark.parametrize(("method", "path"), LAST_DELETED)
def test_the_owner_finds_it(houses: Houses, method: str, path: str) -> None:
    """What the tests above rest on: these ids are there, for their owner."""
    own = houses.ids["default"]
    answer = houses.owner(method, path.format(**own), **houses.body(method, path, own))
    assert answer.status_code not in (401, 403, 404), answer.read()


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nothing_without_a_key(houses: Houses, method: str, path: str) -> None:
    answer = houses.service.http.request(method, path.format(**houses.ids["default"]))
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_names_are_a_tenants_own(houses: Houses) -> None:
    """Both have a model of the same name."""
    for reference in ("load@1", "load@latest"):
        answer = houses.stranger("GET", f"/v1/models/{reference}")
        assert answer.json()["id"] == houses.ids["stranger"]["model_id"]


# Tables without a tenant: reached only through a row that has one, or of no tenant at all.
THROUGH_ANOTHER = {
    "dataset_version", "attempt", "trial", "leaderboard_row", "job_event", "backtest",
    "host_energy_share",
}  # fmt: skip
OF_THE_SERVICE = {"tenant", "supervisor_lease", "host_energy"}
BY_ACCOUNT = {"idempotency_key"}


def test_every_table_says_whose_its_rows_are() -> None:
    owned = {
        mapper.local_table.name
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, TenantOwned)
    }
    others = THROUGH_ANOTHER | OF_THE_SERVICE | BY_ACCOUNT
    assert set(METADATA.tables) - owned == others, "make it `TenantOwned`, or say why not"
