"""What a fitted model is asked to forecast from: its stored history and the rows it is sent."""

from pathlib import Path

import numpy as np
import pandas as pd

from autopq import artifact
from autopq.data.audit import audit
from autopq.data.history import extend, lay_over, panel_of
from autopq.data.origins import delivered, issued, reach
from autopq.data.panel import Panel, Windows
from autopq.errors import InputError, Issue
from autopq.quantiles.recent_errors import rows_needed
from autopq.task import TaskConfig


def history_rows(panel: Panel, horizon: int, *, corrected: bool = False) -> int:
    """Rows a series' forecasts may look back on: several of its longest seasons, and no fewer
    than short seasons are looked up (see `forecasters.lookback`). A model that is `corrected` by
    its latest errors looks back from each of its latest forecasts as well."""
    shortest, longest = panel.freq.seasons[0], panel.freq.seasons[-1]
    rows = max(6 * longest, 32 * shortest, 4 * horizon)
    return rows + rows_needed(shortest, 2 * horizon) if corrected else rows


def situation(
    config: TaskConfig,
    stored: Panel,
    history: pd.DataFrame | None,
    future: pd.DataFrame | None,
    *,
    corrected: bool = False,
) -> tuple[Panel, tuple[str, ...]]:
    """The panel to forecast on, with all of the model's series in its own order, and the series
    that were asked for.

    Raises InputError for rows that do not fit the task or missing future covariates.
    """
    # The model knows its step and clock: a single new row must not have to prove them again.
    known = {"freq": stored.freq.alias, "timezone": config.timezone or stored.timezone}
    settled = config.model_copy(update=known)
    given_history = stored_frame(stored, config) if history is None else history
    given, _ = audit(given_history, settled, future=future, purpose="predict")
    panel = lay_over(stored, given, history_rows(stored, config.horizon, corrected=corrected))
    return extend(panel, reach(config, panel.freq)), given.item_ids


def asked_for(config: TaskConfig, panel: Panel, items: tuple[str, ...]) -> tuple[Windows, int]:
    """The windows to forecast, one a series, and how many of the horizon's steps are shown: all,
    or those of the delivery day.

    Raises InputError when the series' delivery days differ in length.
    """
    rows = np.array([panel.item_ids.index(item) for item in items], np.int64)
    windows = issued(panel, list(panel.lengths[:, None]), config).take(rows)
    steps = delivered(windows, config).sum(axis=1)
    if (differs := steps != steps[0]).any():
        other = int(np.argmax(differs))
        days = panel.local_time[windows.start].astype("datetime64[D]")
        raise InputError(
            Issue(
                "timestamp",
                f"series '{items[0]}' is to be forecast for {days[0]} ({steps[0]} steps), series "
                f"'{items[other]}' for {days[other]} ({steps[other]} steps).",
                "Send series that end on the same day, or ask for them one after the other.",
            )
        )
    return windows, int(steps[0])


def unusable(windows: Windows) -> list[str | None]:
    """[n] why a series' rows before its origin say too little to forecast from; None where they
    are enough. A model never learned to answer from less than half a season of values."""
    panel, season = windows.panel, windows.panel.freq.season
    end = panel.offsets[windows.series] + windows.origin
    start = np.maximum(end - 2 * season, panel.offsets[windows.series])
    known = panel.known_before[end] - panel.known_before[start]
    needed = -(-season // 2)
    return [
        None
        if count >= needed
        else f"known values among the last {2 * season} steps: {count}, needed: {needed}"
        for count in known.tolist()
    ]


def stored_frame(stored: Panel, config: TaskConfig) -> pd.DataFrame:
    """The stored rows as a table in the layout the model was trained on."""
    columns: dict[str, object] = {
        config.item_id or "item_id": [
            item
            for item, size in zip(stored.item_ids, stored.sizes, strict=True)
            for _ in range(size)
        ],
        config.timestamp or "timestamp": pd.DatetimeIndex(
            stored.time, tz="UTC" if stored.timezone is not None else None
        ),
        config.target: stored.target,
    }
    columns.update(zip(stored.covariate_names, stored.covariates.T, strict=True))
    return pd.DataFrame(columns)


def check_request(model: Path, history: pd.DataFrame | None, future: pd.DataFrame | None) -> int:
    """How many series a saved model would forecast from these rows; reads no model code.

    Raises InputError naming every column and row that has to be mended.
    """
    components, settings = artifact.load(model)
    config = TaskConfig.model_validate(settings["config"])
    panel, items = situation(config, panel_of(components["history"]), history, future)
    asked_for(config, panel, items)
    return len(items)
