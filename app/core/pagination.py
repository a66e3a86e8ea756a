"""Keyset pagination: pages stay right while rows are added, and deep pages cost no more."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from app.core.errors import invalid

MAX_LIMIT = 100
T = TypeVar("T")
Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most items on one page.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before.")
]


class Page(BaseModel, Generic[Item]):
    """One page, newest first. `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: str | None = Field(None, description="Give as `cursor` to get the next page.")


def encode_cursor(last_id: str) -> str:
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The id after which the page starts. Raises a 422 for a cursor that we never gave out."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise invalid(
            "cursor", "this is no cursor of this service.", "Use `next_cursor` of the page before."
        ) from error


def split_page(rows: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """The page out of `limit + 1` fetched rows, and whether more follow."""
    return rows[:limit], len(rows) > limit
