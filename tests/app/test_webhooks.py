"""A job's end is told to a receiver: signed, until it is taken, and never to a private address."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from typing import Any

import anyio
import pytest

from app.core.clock import now
from app.webhooks import signing
from app.webhooks.addresses import RefusedAddressError, is_public, resolve

pytestmark = pytest.mark.slow

SECRET = "a secret of our own, long enough"
Document = dict[str, Any]


class Receiver:
    """A web server on the loopback address that keeps what it is sent."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append((self.path, headers, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return None

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_port}/hook?a=1"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.close()


@pytest.fixture(scope="module")
def open_service(tmp_path_factory: pytest.TempPathFactory, serving: Any) -> Iterator[Any]:
    """A service that may call receivers on this machine."""
    folder = tmp_path_factory.mktemp("webhooks")
    settings = {"webhook_allow_private": True, "webhook_retry_seconds": 0.05}
    with serving(folder, **settings) as service:
        yield service


@pytest.fixture(scope="module")
def uploaded(open_service: Any, table: Any) -> str:
    return str(open_service.upload(table))


def submit(service: Any, dataset_id: str, webhook: Document, **config: object) -> Any:
    body = {"dataset_id": dataset_id, "config": service.config | config, "webhook": webhook}
    return service.http.post("/v1/jobs", json=body)


def settled(service: Any, job_id: str) -> Document:
    """The job's only delivery, once it is delivered or given up."""

    def delivery() -> Document:
        answer = service.http.get(f"/v1/jobs/{job_id}/deliveries").json()
        return dict(answer["deliveries"][0]) if answer["deliveries"] else {"state": "waiting"}

    service.until(lambda: delivery()["state"] != "waiting", "the webhook")
    return delivery()


@pytest.mark.slow
class TestDelivery:
    def test_signed_with_the_jobs_secret(
        self, open_service: Any, uploaded: str, receiver: Receiver
    ) -> None:
        answer = submit(open_service, uploaded, {"url": receiver.url, "secret": SECRET})
        assert answer.status_code == 202, answer.text
        assert SECRET not in answer.text
        job = answer.json()
        assert job["webhook"] == receiver.url
        delivery = settled(open_service, job["id"])
        assert (delivery["state"], delivery["status"], delivery["tries"]) == ("delivered", 204, 1)
        ((path, headers, body),) = receiver.received
        assert path == "/hook?a=1"
        assert headers["host"].startswith("localhost:")
        assert headers["webhook-id"] == delivery["id"]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        assert b'"job.succeeded"' in body
        assert job["id"].encode() in body

    def test_tried_again_until_it_is_taken(
        self, open_service: Any, uploaded: str, receiver: Receiver
    ) -> None:
        receiver.answers = [500, 302, 404]
        job = submit(open_service, uploaded, {"url": receiver.url, "secret": SECRET}).json()
        delivery = settled(open_service, job["id"])
        assert (delivery["state"], delivery["tries"], delivery["error"]) == ("delivered", 4, None)
        assert {path for path, _, _ in receiver.received} == {"/hook?a=1"}
        assert len({headers["webhook-id"] for _, headers, _ in receiver.received}) == 1

    def test_given_up_when_the_receiver_is_gone(
        self, open_service: Any, uploaded: str, receiver: Receiver
    ) -> None:
        receiver.answers = [410]
        job = submit(open_service, uploaded, {"url": receiver.url, "secret": SECRET}).json()
        assert settled(open_service, job["id"])["state"] == "given_up"

    def test_failures_and_cancellations_are_told(
        self, open_service: Any, uploaded: str, receiver: Receiver
    ) -> None:
        webhook = {"url": receiver.url, "secret": SECRET}
        first = submit(open_service, uploaded, webhook, forecasters=["lightgbm"]).json()
        open_service.http.post(first["links"]["cancel"])
        assert settled(open_service, first["id"])["kind"] == "job.cancelled"

    def test_the_tenants_secret(self, open_service: Any, uploaded: str, receiver: Receiver) -> None:
        refused = submit(open_service, uploaded, {"url": receiver.url})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "webhook.secret"
        secret = open_service.http.post("/v1/webhook-secret").json()["secret"]
        job = submit(open_service, uploaded, {"url": receiver.url}).json()
        assert settled(open_service, job["id"])["state"] == "delivered"
        ((_, headers, body),) = receiver.received
        assert signing.verify(secret, headers, body, now())
        assert not signing.verify(secret, headers, body + b" ", now())
        assert not signing.verify("another secret altogether", headers, body, now())

    def test_survives_the_service(
        self, make_service: Callable[..., Any], table: Any, receiver: Receiver
    ) -> None:
        settings = {"webhook_allow_private": True, "webhook_retry_seconds": 0.5}
        service = make_service(**settings)
        receiver.answers = [503]
        webhook = {"url": receiver.url, "secret": SECRET}
        job = submit(service, service.upload(table), webhook).json()
        service.until(lambda: receiver.received, "the first try")
        service.kill()
        service.start()
        assert settled(service, job["id"])["state"] == "delivered"

    def test_a_name_of_a_private_address_is_refused(
        self, service: Any, dataset_id: str, receiver: Receiver
    ) -> None:
        # Known to be this machine only once it is resolved.
        url = receiver.url.replace("localhost", "2130706433")
        answer = submit(service, dataset_id, {"url": url, "secret": SECRET})
        if answer.status_code == 202:
            delivery = settled(service, answer.json()["id"])
            assert delivery["state"] == "given_up"
            assert "not a public address" in delivery["error"]
        assert receiver.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost/x",
        "http://a.localhost/x",
        "http://10.1.2.3/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://[fe80::1]/x",
        "http://0/x",
        "http://0x7f000001/x",
        "ftp://example.org/x",
        "http://user:password@example.org/x",
        "https://example.org/x#part",
        "nonsense",
    ],
)
def test_addresses_refused_at_once(service: Any, dataset_id: str, url: str) -> None:
    answer = submit(service, dataset_id, {"url": url, "secret": SECRET})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].startswith("webhook.url")


@pytest.mark.parametrize("secret", ["short", "ö" * 20, "whsec_=no=base64=at=all", "whsec_YWJj"])
def test_secrets_refused(service: Any, dataset_id: str, secret: str) -> None:
    answer = submit(service, dataset_id, {"url": "https://example.org", "secret": secret})
    assert answer.status_code == 422
    assert secret not in answer.text


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses(text: str, public: bool) -> None:
    assert is_public(ip_address(text)) is public


def test_a_host_is_resolved_to_what_was_checked() -> None:
    async def resolved(allow: bool) -> str:
        return await resolve("localhost", 80, allow_private=allow)

    assert anyio.run(resolved, True) in ("127.0.0.1", "::1")
    with pytest.raises(RefusedAddressError):
        anyio.run(resolved, False)


def test_secrets_of_standard_webhooks() -> None:
    """The example of the specification's reference libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert signing.verify(secret, headers, body, datetime.fromtimestamp(1614265330, UTC))
    assert not signing.verify(secret, headers, body, now())
