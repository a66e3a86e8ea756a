"""Rolling-origin backtest: the forecasts a fixed model would have made, scored where it counts.

Origins are fixed from the end of each series backwards, so that the newest rows are always among
the scored ones. Nothing is fitted here: a model made from rows before the first origin comes in,
and every forecast uses rows before its own origin alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.data.origins import delivered, issue_rows, issued
from autopq.data.panel import Floats, Ints, Panel, Times, Windows
from autopq.errors import InputError, Issue
from autopq.evaluation.calibration import calibration_error, pit_histogram, reliability
from autopq.evaluation.grid import DENSE_LEVELS, PERCENT_LEVELS, interpolate, monotone
from autopq.evaluation.path_scores import (
    AGGREGATES,
    aggregate_pinball,
    energy_scores,
    variogram_scores,
)
from autopq.evaluation.scores import pinball_by_level
from autopq.evaluation.steps import peak_weighted_crps_steps, step_scores
from autopq.task import TaskConfig

PIT_BINS = 10
# The share of training rows that do not count as peaks.
PEAK_LEVEL = 0.9


class Forecaster(Protocol):
    """What a backtest asks of a fitted model."""

    def quantiles(self, windows: Windows) -> Floats:
        """[n, H, Q] on `grid.DENSE_LEVELS`."""
        ...


@dataclass(frozen=True)
class SeriesReference:
    """What errors of a series are measured by, from rows before the backtest."""

    naive_mae: Floats  # [S] error of the seasonal naive forecast; NaN where it has none
    peak: Floats  # [S] threshold of the peak-weighted CRPS, in the target's units

    @classmethod
    def of(cls, panel: Panel, ends: Ints) -> "SeriesReference":
        """From the rows before `ends` [S] of each series."""
        naive_mae, peak = np.full(len(ends), np.nan), np.full(len(ends), np.nan)
        for s, (offset, end) in enumerate(zip(panel.offsets, ends, strict=True)):
            y = panel.target[offset : offset + end]
            known = y[np.isfinite(y)]
            if len(known):
                peak[s] = np.quantile(known, PEAK_LEVEL)
            errors = np.abs(y[panel.freq.season :] - y[: -panel.freq.season])
            errors = errors[np.isfinite(errors)]
            # A series that the naive forecast gets right throughout has no scale for errors.
            if len(errors) and errors.mean() > 0:
                naive_mae[s] = errors.mean()
        return cls(naive_mae, peak)


@dataclass(frozen=True)
class Backtest:
    """Scores of a rolling-origin backtest, at every grain.

    `origin` is when a window's forecast is issued, `start` its first step. Scores are named as in
    `scores.evaluate` and `path_scores`; all but coverages and `bias` are losses. Values nobody
    could compute are NaN in tables and None in `as_dict`.
    """

    scores: Mapping[str, float]  # over all known targets
    windows: pd.DataFrame  # a row a window: item_id, origin, start, known_steps, scores
    steps: pd.DataFrame  # a row a step ahead, from 1
    series: pd.DataFrame  # a row a series
    reliability: pd.DataFrame  # level, observed, pinball: a row a level
    pit: pd.DataFrame  # low, high, share: a row a bin

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; tables as lists of rows."""
        tables = {
            name: _rows(getattr(self, name))
            for name in ("windows", "steps", "series", "reliability", "pit")
        }
        return {"scores": {k: _plain(v) for k, v in self.scores.items()}, **tables}


def rolling_windows(
    panel: Panel, horizon: int, *, num_windows: int, step: int, first: Ints, lead: int = 0
) -> Windows:
    """The last `num_windows` windows of each series, `step` rows apart, oldest first, each issued
    `lead` rows before its first step.

    `first` [S] is the first row that a forecast may be issued at: rows before it made the model.
    A series with room for fewer windows gets fewer; one without a known target in any gets none.
    Windows that look at covariates not yet known at their origin are left out.
    Raises InputError when no window is left at all.
    """
    origins = []
    for length, earliest in zip(panel.lengths, first, strict=True):
        found = int(length) - horizon - lead - step * np.arange(num_windows - 1, -1, -1)
        origins.append(found[found >= max(1, int(earliest))])
    windows = panel.windows(origins, horizon, lead)
    return _with_a_target(windows.take(np.flatnonzero(~windows.late().any(axis=1))))


def issued_windows(panel: Panel, config: TaskConfig, *, num_windows: int, first: Ints) -> Windows:
    """The last `num_windows` windows of each series as the task issues its forecasts: at its
    issue times, and after its lead time or for its delivery days; else as `rolling_windows`."""
    at_issue = issue_rows(panel, config.issue_times)
    origins = []
    for offset, length, earliest in zip(panel.offsets, panel.lengths, first, strict=True):
        rows = np.arange(max(1, int(earliest)), int(length))
        origins.append(rows[at_issue[offset + rows]])
    windows = issued(panel, origins, config)
    ends = windows.first + windows.horizon
    windows = windows.take(np.flatnonzero(ends <= panel.lengths[windows.series]))
    windows = windows.take(np.flatnonzero(~windows.late().any(axis=1)))
    # Counted from the newest window of each series.
    behind = np.searchsorted(windows.series, windows.series, side="right")
    return _with_a_target(windows.take(behind - np.arange(len(windows)) <= num_windows))


def _with_a_target(windows: Windows) -> Windows:
    windows = windows.take(np.flatnonzero(np.isfinite(windows.target()).any(axis=1)))
    if len(windows) == 0:
        raise InputError(
            Issue(
                "horizon",
                f"no backtest window of {windows.horizon} steps lies within the rows held out.",
                "Send a longer series, hold out more of it, or shorten the horizon.",
            )
        )
    return windows


def backtest(
    model: Forecaster,
    panel: Panel,
    horizon: int,
    *,
    num_windows: int,
    step: int,
    first: Ints,
    lead: int = 0,
) -> Backtest:
    """Forecast and score the last `num_windows` windows of each series (see
    `rolling_windows`) with a model made from rows before `first` [S]."""
    windows = rolling_windows(
        panel, horizon, num_windows=num_windows, step=step, first=first, lead=lead
    )
    return score_windows(
        windows, model.quantiles(windows), DENSE_LEVELS, SeriesReference.of(panel, first)
    )


def backtest_as_issued(
    model: Forecaster, panel: Panel, config: TaskConfig, *, num_windows: int, first: Ints
) -> Backtest:
    """Forecast and score the last `num_windows` windows that the task would have issued for each
    series (see `issued_windows`) with a model made from rows before `first` [S]. Of a delivery
    day only its own steps are scored."""
    windows = issued_windows(panel, config, num_windows=num_windows, first=first)
    return score_windows(
        windows,
        model.quantiles(windows),
        DENSE_LEVELS,
        SeriesReference.of(panel, first),
        asked=delivered(windows, config),
    )


def score_windows(
    windows: Windows,
    quantiles: Floats,
    levels: Floats,
    reference: SeriesReference,
    paths: npt.NDArray[np.floating] | None = None,
    *,
    asked: npt.NDArray[np.bool_] | None = None,
) -> Backtest:
    """Scores of quantiles [n, H, Q] and, where given, sample paths [n, S, H] of windows with at
    least one known target each; `asked` [n, H] are the steps that count, all by default."""
    y, panel = windows.target(), windows.panel
    if asked is not None:
        y = np.where(asked, y, np.nan)
    quantiles = monotone(quantiles)
    by_step = step_scores(y, quantiles, levels)
    with np.errstate(invalid="ignore"):
        by_step["mase"] = by_step["mae"] / reference.naive_mae[windows.series][:, None]
    by_step["peak_weighted_crps"] = peak_weighted_crps_steps(
        y, quantiles, levels, reference.peak[windows.series]
    )
    by_window = {} if paths is None else _path_scores(windows, paths, asked)
    size = np.abs(y)
    means = {name: _means(values, axis=1) for name, values in by_step.items()}
    means["weighted_quantile_loss"] = _relative(means["mean_pinball"], _means(size, axis=1))
    rows = {**means, **by_window}
    table = pd.DataFrame(
        {
            "item_id": np.array(panel.item_ids, object)[windows.series],
            "origin": local_stamps(panel, windows.moment),
            "start": local_stamps(panel, panel.time[windows.start]),
            "known_steps": np.isfinite(y).sum(axis=1),
            **rows,
        }
    )
    overall = {name: float(_means(values.ravel(), axis=0)) for name, values in by_step.items()}
    overall["weighted_quantile_loss"] = float(
        _relative(np.array(overall["mean_pinball"]), _means(size.ravel(), axis=0))
    )
    overall["calibration_error"] = calibration_error(y, quantiles, levels)
    overall |= {name: float(_means(values, axis=0)) for name, values in by_window.items()}
    return Backtest(
        scores=overall,
        windows=table,
        steps=_by_step(by_step, windows.horizon),
        series=_by_series(by_step, by_window, windows),
        reliability=_reliability(y, quantiles, levels),
        pit=_pit(y, quantiles, levels),
    )


def _path_scores(
    windows: Windows, paths: npt.NDArray[np.floating], asked: npt.NDArray[np.bool_] | None
) -> dict[str, Floats]:
    """[n] each; aggregates are over blocks of a season, such as a day of hours."""
    y, samples = windows.target(), np.asarray(paths, np.float64)
    # A delivery day's steps are the first ones, 23 to 25 of them.
    steps = np.full(len(y), windows.horizon) if asked is None else asked.sum(axis=1)
    found: dict[str, Floats] = {}
    for count in np.unique(steps):
        own = steps == count
        scores = _joint_scores(y[own, :count], samples[own, :, :count], windows.panel.freq.season)
        for name, values in scores.items():
            found.setdefault(name, np.full(len(y), np.nan))[own] = values
    return found


def _joint_scores(y: Floats, samples: Floats, season: int) -> dict[str, Floats]:
    block = season if 1 < season < y.shape[1] else y.shape[1]
    return {
        "energy_score": energy_scores(y, samples),
        "variogram_score": variogram_scores(y, samples),
        **{f"{how}_pinball": aggregate_pinball(y, samples, how, block) for how in AGGREGATES},
    }


def _by_step(by_step: Mapping[str, Floats], horizon: int) -> pd.DataFrame:
    means = {name: _means(values, axis=0) for name, values in by_step.items()}
    return pd.DataFrame({"step": np.arange(1, horizon + 1), **means})


def _by_series(
    by_step: Mapping[str, Floats], by_window: Mapping[str, Floats], windows: Windows
) -> pd.DataFrame:
    rows = []
    for s in np.unique(windows.series):
        own = windows.series == s
        row: dict[str, Any] = {"item_id": windows.panel.item_ids[s], "windows": int(own.sum())}
        row |= {name: float(_means(v[own].ravel(), axis=0)) for name, v in by_step.items()}
        row |= {name: float(_means(v[own], axis=0)) for name, v in by_window.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _reliability(y: Floats, quantiles: Floats, levels: Floats) -> pd.DataFrame:
    percents = interpolate(quantiles, levels, PERCENT_LEVELS)
    loss = pinball_by_level(y, percents, PERCENT_LEVELS)
    observed = reliability(y, percents, PERCENT_LEVELS)
    return pd.DataFrame({"level": PERCENT_LEVELS, "observed": observed, "pinball": loss})


def _pit(y: Floats, quantiles: Floats, levels: Floats) -> pd.DataFrame:
    edges = np.linspace(0, 1, PIT_BINS + 1)
    shares = pit_histogram(y, quantiles, levels, PIT_BINS)
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "share": shares})


def _means(values: Floats, axis: int) -> Floats:
    """Means of the finite entries; NaN where there is none."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0.0).sum(axis=axis)
    count = finite.sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _relative(loss: Floats, size: Floats) -> Floats:
    """Twice the loss over the size, NaN for a size of 0."""
    return np.where(size > 0, 2 * loss / np.where(size > 0, size, 1.0), np.nan)


def local_stamps(panel: Panel, time: Times) -> pd.DatetimeIndex:
    """[n] stamps as the table has them: with the zone, if one is known."""
    stamps = pd.DatetimeIndex(time)
    if panel.timezone is None:
        return stamps
    return stamps.tz_localize("UTC").tz_convert(panel.timezone)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
