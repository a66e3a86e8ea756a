"""A worker's backtest as a row."""

from io import BytesIO
from typing import TYPE_CHECKING

import pandas as pd

from app.backtests.tables import BacktestRow
from app.core.plain import plain
from autopq.task import TaskConfig

if TYPE_CHECKING:  # it brings the models with it
    from autopq.backtesting import RollingBacktest


def row_of(job_id: str, config: TaskConfig, made: "RollingBacktest") -> BacktestRow:
    """The row of a finished backtest."""
    scored, plan = made.scored, config.backtest
    assert plan is not None
    origins = scored.windows["origin"]
    report = {
        "num_windows": made.num_windows,
        "step": None if config.issue_times else plan.step or config.horizon,
        "windows": len(scored.windows),
        "series": len(scored.series),
        "paths": made.paths,
        "first_origin": origins.min().isoformat(),
        "last_origin": origins.max().isoformat(),
        "scores": dict(scored.scores),
        **{name: getattr(scored, name).to_dict("list") for name in ("steps", "reliability", "pit")},
    }
    return BacktestRow(
        job_id=job_id,
        report=plain(report),
        windows=_parquet(scored.windows),
        series=_parquet(scored.series),
        forecasts=_parquet(made.forecasts),
    )


def _parquet(table: pd.DataFrame) -> bytes:
    file = BytesIO()
    table.to_parquet(file, index=False, compression="zstd")
    return file.getvalue()
