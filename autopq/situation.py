"""What a fitted model is asked to forecast from: its stored history and the rows it is sent."""

from pathlib import Path

import pandas as pd

from autopq import artifact
from autopq.data.audit import audit
from autopq.data.history import extend, lay_over, panel_of
from autopq.data.panel import Panel
from autopq.task import TaskConfig


def history_rows(panel: Panel, horizon: int) -> int:
    """Rows a series' forecasts may look back on: several of its longest seasons, and no fewer
    than short seasons are looked up (see `forecasters.lookback`)."""
    shortest, longest = panel.freq.seasons[0], panel.freq.seasons[-1]
    return max(6 * longest, 32 * shortest, 4 * horizon)


def situation(
    config: TaskConfig,
    stored: Panel,
    history: pd.DataFrame | None,
    future: pd.DataFrame | None,
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
    panel = lay_over(stored, given, history_rows(stored, config.horizon))
    return extend(panel, config.horizon), given.item_ids


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
    _, asked_for = situation(config, panel_of(components["history"]), history, future)
    return len(asked_for)
