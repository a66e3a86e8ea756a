"""Uploaded tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class DatasetRow(Base):
    """One uploaded file and what its inspection found."""

    __tablename__ = "dataset"

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    created_at: Mapped[datetime]
    media_type: Mapped[str] = mapped_column(String(80))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(BigInteger)
    inspection: Mapped[dict[str, Any]]
