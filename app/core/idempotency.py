"""`Idempotency-Key`: a POST that is sent twice has its effect once.

An endpoint that creates something takes `once: Once` (or `OnceStreamed`, if it reads its body
itself) and calls `once.keep` in the transaction that creates. The answer is kept under a unique
(account, key) in that same transaction, so that neither a crash nor a second process can create
twice. For a day the same key gets the same answer; with another body it is refused. Of an answer
that shows a secret a problem is kept instead, which says that the secret was shown before.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Annotated, Protocol

from anyio import to_thread
from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy import String, Text, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column
from starlette.responses import Response

from app.core.clock import now
from app.core.context import Caller, RequestContext
from app.core.database import Base, WriteSession
from app.core.errors import PROBLEM_MEDIA_TYPE, invalid

KEPT_FOR = timedelta(hours=24)
REPLAYED = "Idempotency-Replayed"


class IdempotencyKeyRow(Base):
    """A key that had its effect, and the answer it got."""

    __tablename__ = "idempotency_key"

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))  # SHA-256 of operation and body
    status: Mapped[int]
    location: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AnsweredBeforeError(Exception):
    """The request had its effect before; this is the answer it got then."""

    def __init__(self, row: IdempotencyKeyRow) -> None:
        super().__init__(row.location)
        self.row = row


class _KeyTakenError(Exception):
    """Another process kept an answer under the same key a moment ago."""


class HasId(Protocol):
    """Something that was made."""

    @property
    def id(self) -> str: ...


class Effect:
    """What one request may do once. Without a key it may do it every time."""

    def __init__(self, context: RequestContext, operation: str, key: str | None) -> None:
        self._context = context
        self._operation = operation
        self._key = key
        self._fingerprint = ""

    @property
    def has_key(self) -> bool:
        return self._key is not None

    def begin(self, body: bytes) -> None:
        """`body` in canonical form, or its digest. Raises AnsweredBeforeError, and a 422 when the
        key came with another body."""
        self.identify(body)
        self.replay()

    def identify(self, body: bytes) -> None:
        """The part of `begin` that looks nowhere."""
        text = f"{self._operation}\n".encode() + body
        self._fingerprint = hashlib.sha256(text).hexdigest()

    def part(self, name: str) -> "Effect":
        """The same request's, for one of several things that it makes one after the other."""
        key = None
        if self._key is not None:
            # No caller can send a key with a space.
            key = f"{name} {hashlib.sha256(self._key.encode()).hexdigest()}"
        part = Effect(self._context, self._operation, key)
        part._fingerprint = self._fingerprint
        return part

    def id_of(self, make: Callable[["Effect"], HasId]) -> str:
        """The id of what `make` makes, or made when the same request came before. For requests
        that go on where they were. Raises a 422 as `begin` does."""
        try:
            self.replay()
            try:
                return make(self).id
            except _KeyTakenError:
                self.replay()
                raise
        except AnsweredBeforeError as before:
            return str(json.loads(before.row.body)["id"])

    def keep(self, session: WriteSession, body: BaseModel, *, status: int, location: str) -> None:
        """Remember the answer, in the transaction that has the effect."""
        if self._key is None:
            return
        session.flush()
        at, account = now(), self._context.principal.account
        session.execute(
            delete(IdempotencyKeyRow).where(
                IdempotencyKeyRow.account == account,
                IdempotencyKeyRow.key == self._key,
                IdempotencyKeyRow.expires_at <= at,
            )
        )
        session.add(
            IdempotencyKeyRow(
                account=account,
                key=self._key,
                fingerprint=self._fingerprint,
                status=status,
                location=location,
                body=body.model_dump_json(by_alias=True),
                expires_at=at + KEPT_FOR,
            )
        )
        try:
            session.flush()
        except IntegrityError as error:
            raise _KeyTakenError from error

    def replay(self) -> None:
        """Raises what `begin` raises; returns if the key is new, or if there is none."""
        if self._key is None:
            return
        with self._context.read() as session:
            row = session.scalar(
                select(IdempotencyKeyRow).where(
                    IdempotencyKeyRow.account == self._context.principal.account,
                    IdempotencyKeyRow.key == self._key,
                    IdempotencyKeyRow.expires_at > now(),
                )
            )
        if row is None:
            return
        if row.fingerprint != self._fingerprint:
            raise invalid(
                "Idempotency-Key",
                "this key came with another request before.",
                "Use a new key for each request; repeat one only to send the same again.",
            )
        raise AnsweredBeforeError(row)


def purge(session: WriteSession, at: datetime) -> None:
    """Forget keys that are past their day."""
    session.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.expires_at <= at))


def answer_again(_: Request, error: Exception) -> Response:
    """Handler of AnsweredBeforeError."""
    assert isinstance(error, AnsweredBeforeError)
    row = error.row
    headers = {REPLAYED: "true"}
    if row.location:
        headers["Location"] = row.location
    if row.status == 202:
        headers["Retry-After"] = "1"
    media_type = "application/json" if row.status < 400 else PROBLEM_MEDIA_TYPE
    return Response(row.body, row.status, headers, media_type)


Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Makes repeating this request safe: within a day the same key with the same "
        "body has no second effect.",
    ),
]


async def _streamed(request: Request, context: Caller, key: Key = None) -> AsyncIterator[Effect]:
    effect = Effect(context, f"{request.method} {request.url.path}?{request.url.query}", key)
    if key is None:
        yield effect
        return
    with context.in_flight.hold(context.principal.account, key):
        try:
            yield effect
        except _KeyTakenError:
            await to_thread.run_sync(effect.replay)
            raise


# `begin` is the endpoint's to call, once it knows its body's digest.
OnceStreamed = Annotated[Effect, Depends(_streamed)]


async def _with_body(request: Request, effect: OnceStreamed) -> Effect:
    if effect.has_key:
        body = _canonical(await request.body())
        await to_thread.run_sync(effect.begin, body)
    return effect


Once = Annotated[Effect, Depends(_with_body)]


def _canonical(body: bytes) -> bytes:
    """JSON without the freedom of its spelling."""
    try:
        parsed = json.loads(body)
        return json.dumps(parsed, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return body
