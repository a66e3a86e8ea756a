"""Backtests, written together with the job's success."""

from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class BacktestRow(Base):
    """What the winning attempt's backtest found. `report` is short whatever the table's size; the
    rest are Parquet files."""

    __tablename__ = "backtest"

    job_id: Mapped[str] = mapped_column(String(48), ForeignKey("job.id"), primary_key=True)
    report: Mapped[dict[str, Any]]  # see app.backtests.schemas.BacktestReport
    windows: Mapped[bytes] = mapped_column(LargeBinary)
    series: Mapped[bytes] = mapped_column(LargeBinary)
    forecasts: Mapped[bytes] = mapped_column(LargeBinary)
