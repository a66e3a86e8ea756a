"""Tenants and their keys."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.tenancy import TenantOwned


class TenantRow(Base):
    """Whoever owns rows: a team, a customer. Keys are made for a tenant."""

    __tablename__ = "tenant"

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    created_at: Mapped[datetime]


class ApiKeyRow(TenantOwned, Base):
    """A key. Its secret is shown once and kept as a digest. Revoked keys keep their row, so that
    access never opens again because the last key was revoked."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of the secret, hexadecimal
    scopes: Mapped[str] = mapped_column(String(100))  # separated by spaces
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
