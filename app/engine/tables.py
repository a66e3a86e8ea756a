"""Who supervises: one row, so that several API processes on one database have one supervisor."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class SupervisorLeaseRow(Base):
    """The holder acts as supervisor until `expires_at`, and renews before."""

    __tablename__ = "supervisor_lease"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[datetime]
    prediction_worker: Mapped[str | None] = mapped_column(String(80))
