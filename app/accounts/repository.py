"""Queries on tenants and keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from app.accounts.tables import ApiKeyRow, TenantRow
from app.core.database import ReadSession, WriteSession
from app.core.errors import NotFoundError

_KEYS = ApiKeyRow.__table__
_KEY = select(_KEYS).where(_KEYS.c.id == bindparam("key_id"))
_ANY_KEY = select(_KEYS.c.id).limit(1)


def add_tenant(session: WriteSession, row: TenantRow) -> None:
    session.add(row)
    session.flush()  # keys refer to it


def tenant_by_name(session: ReadSession, name: str) -> TenantRow | None:
    return session.scalar(select(TenantRow).where(TenantRow.name == name))


def hold_tenant(session: WriteSession, tenant_id: str) -> None:
    """From here to the transaction's end, nobody else who holds this tenant goes on."""
    held = select(TenantRow.id).where(TenantRow.id == tenant_id).with_for_update(key_share=True)
    session.execute(held)


def add_key(session: WriteSession, row: ApiKeyRow) -> None:
    session.add(row)


def get_key(session: ReadSession, key_id: str) -> ApiKeyRow:
    """Raises NotFoundError."""
    row = session.get(ApiKeyRow, key_id)
    if row is None:
        raise NotFoundError(f"There is no key '{key_id}'.")
    return row


def find_key(connection: Connection, key_id: str) -> Row[Any] | None:
    """The columns of a key, whoever's it is."""
    return connection.execute(_KEY, {"key_id": key_id}).one_or_none()


def any_key(connection: Connection) -> bool:
    """Whether a key was ever made."""
    return connection.execute(_ANY_KEY).first() is not None


def newest(session: ReadSession, *, limit: int, after: str | None) -> Sequence[ApiKeyRow]:
    query = select(ApiKeyRow).order_by(ApiKeyRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(ApiKeyRow.id < after)
    return session.scalars(query).all()


def with_tenants(session: ReadSession) -> Sequence[tuple[ApiKeyRow, str]]:
    """Every key with its tenant's name, the newest first."""
    query = (
        select(ApiKeyRow, TenantRow.name)
        .join(TenantRow, TenantRow.id == ApiKeyRow.tenant_id)
        .order_by(ApiKeyRow.id.desc())
    )
    return [(row, name) for row, name in session.execute(query)]


def note_uses(session: WriteSession, uses: Mapping[str, datetime]) -> None:
    for key_id, at in sorted(uses.items()):  # in one order, so that no two wait for each other
        session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=at))
