"""Past forecasts against what came: coverage and pinball loss, week by week, with a verdict.

A forecast value is compared once an actual is known for its series and stamp. Errors of
neighbouring steps are alike, so the uncertainty of a coverage is judged by how it varies between
blocks, a block being 24 hours of one series in one forecast, and not between single values.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.data.columns import find_columns
from autopq.data.frequency import parse_frequency
from autopq.data.rows import read_rows
from autopq.errors import InputError
from autopq.evaluation.grid import PERCENT_LEVELS, interpolate
from autopq.evaluation.scores import pinball
from autopq.forecast import Forecast
from autopq.task import TaskConfig

Verdict = Literal["ok", "too_few", "coverage_low", "coverage_high", "loss_up"]

NOMINAL = 0.9  # of the interval the verdict is about
TOLERANCE = 0.05  # a coverage closer to nominal than this is no alarm, however sure
STANDARD_ERRORS = 2.0
LOSS_RATIO = 1.25
FEWEST_BLOCKS = 5
RECENT_WEEKS = 4

_CENTRAL = (0.5, 0.8, NOMINAL)
_OUTER_LEVELS = [0.05, 0.1, 0.25, 0.75, 0.9, 0.95]


@dataclass(frozen=True)
class Quality:
    """How forecasts did over some period; figures are None where nothing could be compared."""

    start: str | None  # Monday of the week, None for all there is
    values: int
    days: int  # blocks
    coverage_50: float | None
    coverage_80: float | None
    coverage_90: float | None
    coverage_error: float | None  # standard error of `coverage_90`
    mean_pinball: float | None
    loss_ratio: float | None  # over the reference's mean pinball loss
    verdict: Verdict


@dataclass(frozen=True)
class Monitoring:
    """All there is, week by week (the newest first), and the verdict on the last four weeks."""

    values_without_actual: int
    overall: Quality
    weeks: tuple[Quality, ...]
    verdict: Verdict

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def monitor(
    forecasts: Iterable[Forecast],
    actuals: pd.DataFrame,
    config: TaskConfig,
    *,
    freq: str,
    reference: float | None,
) -> Monitoring:
    """Compare forecasts of one model with a table of actuals in the layout it was trained on.

    `freq` is the model's step, `reference` its mean pinball loss when it was chosen. Raises
    InputError for actuals that cannot be read.
    """
    found = list(forecasts)
    timezone = next((f.timezone for f in found if f.timezone is not None), None)
    settled = config.model_copy(update={"timezone": config.timezone or timezone})
    known = _known(actuals, settled, freq)
    pairs = [_pairs(number, forecast, known) for number, forecast in enumerate(found)]
    table = pd.concat([part for part, _ in pairs]) if pairs else _compared([], [], [], [])
    without = sum(missing for _, missing in pairs)
    by_week = [(start, rows) for start, rows in table.groupby("week", sort=True) if len(rows)][::-1]
    weeks = [
        _quality(rows, pd.Timestamp(str(start)).isoformat(), reference) for start, rows in by_week
    ]
    recent = pd.concat([rows for _, rows in by_week[:RECENT_WEEKS]]) if by_week else table
    return Monitoring(
        values_without_actual=without,
        overall=_quality(table, None, reference),
        weeks=tuple(weeks),
        verdict=_quality(recent, None, reference).verdict,
    )


def _known(table: pd.DataFrame, config: TaskConfig, freq: str) -> pd.Series:
    """Known targets by series and stamp."""
    lean = config.model_copy(update={"known_covariates": ()})
    columns, issues = find_columns(table, lean)
    if columns is None:
        raise InputError(issues)
    rows, _ = read_rows(
        table.reset_index(drop=True), columns, timezone=config.timezone, freq=parse_frequency(freq)
    )
    names = np.array(rows.item_ids, object)[rows.series]
    index = pd.MultiIndex.from_arrays([names, rows.time.astype("datetime64[us]")])
    return pd.Series(rows.target, index).dropna()


def _pairs(number: int, forecast: Forecast, known: pd.Series) -> tuple[pd.DataFrame, int]:
    """One row a value that can be compared, and how many values could not."""
    n, horizon = forecast.timestamps.shape
    names = np.repeat(np.array(forecast.item_ids, object), horizon)
    stamps = forecast.timestamps.reshape(-1).astype("datetime64[us]")
    actual = known.reindex(pd.MultiIndex.from_arrays([names, stamps])).to_numpy(float)
    there = np.isfinite(actual)
    rows = np.flatnonzero(there)
    local = forecast.index()["timestamp"].dt.tz_localize(None)[rows]
    quantiles = forecast.quantiles.reshape(n * horizon, -1)[rows]
    since = forecast.timestamps - forecast.timestamps[:, :1]
    day = (since // np.timedelta64(24, "h")).reshape(-1)[rows]
    blocks = [(number, name, int(d)) for name, d in zip(names[rows], day, strict=True)]
    table = _compared(quantiles, forecast.levels, actual[rows], blocks)
    table["week"] = (local.dt.normalize() - pd.to_timedelta(local.dt.day_of_week, "D")).to_numpy()
    return table, int((~there).sum())


def _compared(
    quantiles: npt.ArrayLike,
    levels: npt.ArrayLike,
    actual: npt.ArrayLike,
    blocks: Sequence[tuple[int, str, int]],
) -> pd.DataFrame:
    """[rows] of what is scored: the loss, and whether each central interval held the actual."""
    y, grid = np.asarray(actual, float), np.asarray(levels, float)
    table = pd.DataFrame({"block": pd.Series(list(blocks), dtype=object), "loss": np.nan})
    table["week"] = pd.Series(dtype="datetime64[us]")
    for nominal in _CENTRAL:
        table[f"inside_{nominal}"] = np.nan
    if len(y) == 0:
        return table
    found = np.asarray(quantiles, float)
    percents = interpolate(found, grid, PERCENT_LEVELS)
    table["loss"] = pinball(y, percents, PERCENT_LEVELS).mean(axis=-1)
    outer = interpolate(found, grid, _OUTER_LEVELS)
    for nominal in _CENTRAL:
        low, high = (
            _OUTER_LEVELS.index(round(p, 4)) for p in ((1 - nominal) / 2, (1 + nominal) / 2)
        )
        table[f"inside_{nominal}"] = ((y >= outer[:, low]) & (y <= outer[:, high])).astype(float)
    return table


def _quality(rows: pd.DataFrame, start: str | None, reference: float | None) -> Quality:
    if len(rows) == 0:
        return Quality(start, 0, 0, None, None, None, None, None, None, "too_few")
    by_block = rows.groupby("block")[f"inside_{NOMINAL}"].mean()
    error = float(by_block.std(ddof=1) / np.sqrt(len(by_block))) if len(by_block) > 1 else None
    loss = float(rows["loss"].mean())
    ratio = loss / reference if reference else None
    inside_50, inside_80, inside_90 = (
        float(rows[f"inside_{nominal}"].mean()) for nominal in _CENTRAL
    )
    return Quality(
        start,
        values=len(rows),
        days=len(by_block),
        coverage_50=inside_50,
        coverage_80=inside_80,
        coverage_90=inside_90,
        coverage_error=error,
        mean_pinball=loss,
        loss_ratio=ratio,
        verdict=_verdict(len(by_block), inside_90, error, ratio),
    )


def _verdict(blocks: int, coverage: float, error: float | None, ratio: float | None) -> Verdict:
    if blocks < FEWEST_BLOCKS or error is None:
        return "too_few"
    off = coverage - NOMINAL
    if abs(off) > max(TOLERANCE, STANDARD_ERRORS * error):
        return "coverage_low" if off < 0 else "coverage_high"
    return "loss_up" if ratio is not None and ratio > LOSS_RATIO else "ok"
