"""Signatures of webhooks, as Standard Webhooks (https://www.standardwebhooks.com) has them."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets in base64 begin with
_SECRET_BYTES = 24
TOLERANCE_S = 300


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign. Raises ValueError for a `whsec_` secret that is not base64."""
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"what follows '{SECRET_PREFIX}' is not base64") from error


def headers(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers that a receiver checks."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": _signature(secret, message_id, timestamp, body),
    }


def verify(secret: str, received: Mapping[str, str], body: bytes, at: datetime) -> bool:
    """Whether a request with these headers (names in lower case) and this body was signed with
    the secret within five minutes of `at`. What a receiver written in Python would call."""
    timestamp = received.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(int(timestamp) - at.timestamp()) > TOLERANCE_S:
        return False
    expected = _signature(secret, received.get("webhook-id", ""), timestamp, body)
    given = received.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), each.encode()) for each in given)


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
