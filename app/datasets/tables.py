"""Uploaded tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.tenancy import TenantOwned


class DatasetRow(TenantOwned, Base):
    """One uploaded file and what its inspection found."""

    __tablename__ = "dataset"
    __table_args__ = (Index(None, "tenant_id", "id"),)

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    created_at: Mapped[datetime]
    media_type: Mapped[str] = mapped_column(String(80))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(BigInteger)
    inspection: Mapped[dict[str, Any]]
