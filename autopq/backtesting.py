"""The backtest of a job's own model: rolling origins over the rows held out, forecast by the model
as it was chosen, before it is fitted on them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from autopq.data.origins import delivered, reach
from autopq.data.panel import Ints, Panel, Windows
from autopq.evaluation.backtest import (
    Backtest,
    SeriesReference,
    issued_windows,
    local_stamps,
    rolling_windows,
    score_windows,
)
from autopq.evaluation.grid import DENSE_LEVELS, interpolate
from autopq.model import FittedModel
from autopq.task import BacktestPlan, TaskConfig

# Many series have fewer windows each: what is kept is read in one piece.
_MOST_VALUES = 1_000_000
_MOST_PATHS = 200
_FEWEST_PATHS = 20
_MOST_PATH_VALUES = 20_000_000


@dataclass(frozen=True)
class RollingBacktest:
    """What the chosen model would have said, and how it did.

    `forecasts` has a row a window and step: `item_id`, `origin`, `timestamp`, `target` (NaN where
    it is missing) and a column per level of the task, named as the level.
    """

    scored: Backtest
    forecasts: pd.DataFrame
    num_windows: int  # of a series at most, which many series make fewer than was asked for
    paths: int  # sample paths behind the scores of paths


def backtest_chosen(
    model: FittedModel, panel: Panel, first: Ints, plan: BacktestPlan
) -> RollingBacktest:
    """Backtest a model made from rows before `first` [S] on windows whose steps lie from there
    on; as in the scores of the test part, forecasts may be issued earlier by their lead time.

    The scores of paths are unbiased in their number, which is less where there are many windows.
    Raises InputError when no window lies within the rows held out.
    """
    config = model.config
    num_windows = most_windows(config, plan, len(panel.lengths))
    earliest = np.maximum(1, first - (reach(config, panel.freq) - config.horizon))
    windows = _windows(panel, config, num_windows, plan.step, earliest)
    windows = windows.take(windows.first >= first[windows.series])
    # With more series than can be kept, some of them stand for all.
    most = max(1, _MOST_VALUES // (config.horizon * (len(config.quantile_levels) + 1)))
    if len(windows) > most:
        windows = windows.take(np.arange(most) * len(windows) // most)
    room = _MOST_PATH_VALUES // (len(windows) * config.horizon)
    paths = min(_MOST_PATHS, max(_FEWEST_PATHS, room))
    quantiles, drawn = model.draw(windows, paths)
    asked = delivered(windows, config)
    scored = score_windows(
        windows, quantiles, DENSE_LEVELS, SeriesReference.of(panel, first), drawn, asked=asked
    )
    levels = list(config.quantile_levels)
    values_at = interpolate(quantiles, DENSE_LEVELS, levels)[asked]
    counts = asked.sum(axis=1)
    forecasts = pd.concat(
        [
            pd.DataFrame(
                {
                    "item_id": np.repeat(scored.windows["item_id"].to_numpy(), counts),
                    "origin": scored.windows["origin"].repeat(counts).reset_index(drop=True),
                    "timestamp": local_stamps(panel, panel.time[windows.steps[asked]]),
                    "target": windows.target()[asked],
                }
            ),
            pd.DataFrame(values_at, columns=[f"{level:g}" for level in levels]),
        ],
        axis=1,
    )
    return RollingBacktest(scored, forecasts, num_windows, paths)


def most_windows(config: TaskConfig, plan: BacktestPlan, series: int) -> int:
    """Windows of each series that are kept at most."""
    values = series * config.horizon * (len(config.quantile_levels) + 1)
    return min(plan.num_windows, max(1, _MOST_VALUES // values))


def _windows(
    panel: Panel, config: TaskConfig, num_windows: int, step: int | None, first: Ints
) -> Windows:
    if config.issue_times is not None:
        return issued_windows(panel, config, num_windows=num_windows, first=first)
    return rolling_windows(
        panel,
        config.horizon,
        num_windows=num_windows,
        step=step or config.horizon,
        first=first,
        lead=config.lead_time,
    )
