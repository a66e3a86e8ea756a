"""The service's clock: aware UTC stamps everywhere."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
