"""Sends what is in the outbox, beside the supervisor's own work.

Every message is sent until its receiver takes it or all tries are used up. A crash between a
receiver's answer and the note of it sends a message twice: receivers tell by `webhook-id`.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import anyio
import httpx
import structlog
from sqlalchemy import update

from app.core.clock import now
from app.core.database import Database
from app.settings import Settings
from app.webhooks import addresses, repository, signing
from app.webhooks.addresses import RefusedAddressError
from app.webhooks.repository import Message
from app.webhooks.tables import DeliveryRow

log = structlog.get_logger(__name__)

TIMEOUT_S = 5.0  # for all of it: name, connection, answer
MAX_TRIES = 9
_AT_ONCE = 16
_GROWTH = 4
_LONGEST_WAIT_S = 6 * 3600.0
_GONE = 410


@dataclass(frozen=True)
class Outcome:
    """How one try went. A `final` failure is not tried again."""

    status: int | None = None
    error: str | None = None
    final: bool = False


class Courier:
    """`tend()` again and again; it waits for no receiver."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._thread: threading.Thread | None = None

    def tend(self) -> None:
        """Send what is due, unless the last batch is still under way."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._database.read() as session:
            due = repository.due(session, now(), limit=_AT_ONCE)
        if due:
            self._thread = threading.Thread(
                target=self._run, args=(due,), name="webhooks", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Wait for the batch under way; every try in it has its time limit."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, batch: Sequence[Message]) -> None:
        try:
            anyio.run(self._deliver_all, batch)
        except Exception:
            # A database that is locked for long, say. What was not noted is sent again.
            log.exception("a batch of webhooks was not finished")

    async def _deliver_all(self, batch: Sequence[Message]) -> None:
        # No proxy from the environment: it would connect to addresses nobody checked.
        async with (
            httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as http,
            anyio.create_task_group() as group,
        ):
            for message in batch:
                group.start_soon(self._deliver, http, message)

    async def _deliver(self, http: httpx.AsyncClient, message: Message) -> None:
        try:
            with anyio.fail_after(TIMEOUT_S):
                outcome = await self._post(http, message)
        except TimeoutError:
            outcome = Outcome(error=f"no answer within {TIMEOUT_S:g} seconds")
        except RefusedAddressError as error:
            outcome = Outcome(error=str(error), final=True)
        except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            outcome = Outcome(error=f"{type(error).__name__}: {error}")
        await anyio.to_thread.run_sync(self._note, message, outcome)

    async def _post(self, http: httpx.AsyncClient, message: Message) -> Outcome:
        url, body = httpx.URL(message.url), message.body.encode()
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await addresses.resolve(
            url.host, port, allow_private=self._settings.webhook_allow_private
        )
        request = http.build_request(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={
                "Host": url.netloc.decode("ascii"),
                "Content-Type": "application/json",
                "User-Agent": "autopq-webhooks",
                **signing.headers(message.secret, message.id, now(), body),
            },
            # Certificates are checked against the name, though the connection is to the address.
            extensions={"sni_hostname": url.host},
        )
        answer = await http.send(request, stream=True, follow_redirects=False)
        await answer.aclose()
        status = answer.status_code
        if answer.is_success:
            return Outcome(status)
        detail = "redirects are not followed" if answer.is_redirect else f"answered {status}"
        return Outcome(status, detail, final=status == _GONE)

    def _note(self, message: Message, outcome: Outcome) -> None:
        at, tries = now(), message.tries + 1
        values: dict[str, object] = {"tries": tries, "status": outcome.status}
        values["error"] = outcome.error
        if outcome.error is None:
            values |= {"state": "delivered", "settled_at": at}
        elif outcome.final or tries >= MAX_TRIES:
            values |= {"state": "given_up", "settled_at": at}
        else:
            values["next_at"] = at + self._wait(tries)
        with self._database.write() as session:
            session.execute(
                update(DeliveryRow).where(DeliveryRow.id == message.id).values(**values)
            )
        log.info(
            "webhook", job_id=message.job_id, message_id=message.id, tries=tries, **vars(outcome)
        )

    def _wait(self, tries: int) -> timedelta:
        seconds = self._settings.webhook_retry_seconds * _GROWTH ** (tries - 1)
        return timedelta(seconds=min(seconds, _LONGEST_WAIT_S))
