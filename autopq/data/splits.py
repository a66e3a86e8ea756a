"""Chronological splits, thinned origins, and blocked folds.

Test is the last part of every series, validation the last part of the rest:
`i_test = int(n - n * test_fraction)`, `i_val = int(i_test - i_test * validation_fraction)`.
A window belongs to the part that holds its whole horizon; its history may reach back into earlier
parts. Windows with a missing target are left out.

Validation and test windows begin where the task issues forecasts (`issue_times`); training windows
begin anywhere, since forecasts from other hours are more to learn from.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autopq.data.frequency import Frequency
from autopq.data.origins import issue_rows, issued, reach
from autopq.data.panel import Ints, Panel, Windows
from autopq.task import TaskConfig

Mask = npt.NDArray[np.bool_]

_START = np.sqrt(3) - 1.5
_GOLDEN = (np.sqrt(5) - 1) / 2
_SILVER = np.sqrt(2) - 1
_SEASONS_BEFORE_FIRST = 2  # history the first window should see, in seasons ...
_LARGEST_SHARE_BEFORE_FIRST = 0.25  # ... unless that takes more than this share of the rows
# Of a training budget, how much goes first to origins at the times forecasts are issued.
_SHARE_AT_ISSUE_TIMES = 0.5


@dataclass(frozen=True)
class Splits:
    """The three parts as windows, and where they meet.

    `i_val` and `i_test` [S] are the first rows of validation and test within each series.
    """

    train: Windows
    validation: Windows
    test: Windows  # empty when `test_fraction` is 0
    i_val: Ints
    i_test: Ints


def split(
    panel: Panel,
    config: TaskConfig,
    *,
    train_windows: int | None = None,
    validation_windows: int | None = None,
    test_windows: int | None = None,
) -> Splits:
    """Training, validation and test windows of a panel; each part holds at most as many windows
    as asked for, spread over its whole span. Training meets all steps of the day (see `thinned`),
    the others a few of them on every day."""
    i_test, i_val = boundaries(panel.lengths, config)
    end = panel.lengths if config.test_fraction > 0 else i_test
    train = _training(panel, i_val, config, train_windows)
    validation = daily(held_out(panel, i_val, i_test, config), validation_windows)
    test = daily(held_out(panel, i_test, end, config), test_windows)
    return Splits(train, validation, test, i_val, i_test)


def held_out(panel: Panel, first: Ints, end: Ints, config: TaskConfig) -> Windows:
    """Every complete window issued at the task's times whose steps lie from row `first` [S] to
    before `end` [S]; its origin may lie earlier by the lead time."""
    at_issue = issue_rows(panel, config.issue_times)
    back = reach(config, panel.freq) - config.horizon
    origins = [
        row + np.flatnonzero(at_issue[offset + row : offset + max(row, stop)])
        for offset, row, stop in zip(panel.offsets, np.maximum(1, first - back), end, strict=True)
    ]
    windows = issued(panel, origins, config)
    inside = windows.first >= first[windows.series]
    inside &= windows.first + windows.horizon <= end[windows.series]
    return windows.take(inside & windows.complete())


def boundaries(lengths: Ints, config: TaskConfig) -> tuple[Ints, Ints]:
    """[S] first test row and [S] first validation row of series with `lengths` rows."""
    i_test = (lengths - lengths * config.test_fraction).astype(np.int64)
    i_val = (i_test - i_test * config.validation_fraction).astype(np.int64)
    return i_test, i_val


def first_origins(rows: Ints, freq: Frequency) -> Ints:
    """[S] first row to forecast: two seasons in, or a quarter of `rows` where that is less."""
    quarter = (rows * _LARGEST_SHARE_BEFORE_FIRST).astype(np.int64)
    return np.maximum(1, np.minimum(_SEASONS_BEFORE_FIRST * freq.season, quarter))


def required_rows(config: TaskConfig, freq: Frequency) -> int:
    """The fewest rows of a series that give every part at least one window."""
    rows = 2 * config.horizon + 1
    while not _has_all_parts(rows, config, freq):
        rows += 1
    return rows


def _has_all_parts(rows: int, config: TaskConfig, freq: Frequency) -> bool:
    lengths = np.array([rows])
    i_test, i_val = boundaries(lengths, config)
    room = [i_val - first_origins(i_val, freq) - config.lead_time, i_test - i_val]
    if config.test_fraction > 0:
        room.append(lengths - i_test)
    return all(part[0] >= config.horizon for part in room)


def fit_windows(panel: Panel, config: TaskConfig, max_windows: int | None = None) -> Windows:
    """Windows over all rows with known targets, for the final fit."""
    return _training(panel, panel.lengths, config, max_windows)


def thinned(back: Ints, share: float, day: int, number: int | Ints = 0) -> Mask:
    """Which origins to keep, about `share` of them; `back` counts steps before the newest one.

    Every step of the day (of `day` steps) is thinned by itself to evenly spaced days, shifted from
    one step to the next by the golden ratio: all hours are met equally often, and no day gets
    more windows than another. A plain stride of 24 would keep one hour alone. Series 0 keeps its
    newest origin; a series of another `number` keeps other origins than series 0.
    """
    # An irrational start keeps every turn off the edges, where rounding would decide.
    turn = (back // day + _START) * share + back % day * _GOLDEN + number * _SILVER
    kept: Mask = turn % 1 < share
    return kept


def blocked_folds(windows: Windows, k: int, gap: int) -> list[tuple[Mask, Mask]]:
    """`k` pairs of masks (kept, held): each window is held in exactly one fold.

    Held windows are contiguous in time over all series. Kept windows share no target row with
    them, nor with the `gap` steps on either side.
    """
    step = _step_numbers(windows)
    k = max(1, min(k, len(np.unique(step))))
    order = np.argsort(step, kind="stable")
    edges = step[order[(np.arange(1, k) * len(order)) // k]] if k > 1 else np.empty(0, np.int64)
    fold = np.searchsorted(edges, step, side="right")
    folds = []
    for number in np.unique(fold):
        held = fold == number
        reach = windows.horizon + gap
        near = (step > step[held].min() - reach) & (step < step[held].max() + reach)
        folds.append((~near, held))
    return folds


def _step_numbers(windows: Windows) -> Ints:
    """[n] position of each origin on a time line that all series share, in steps."""
    panel = windows.panel
    time = panel.time[windows.start]
    if len(time) == 0:
        return np.empty(0, np.int64)
    step = panel.freq.step
    if step is None:
        return np.searchsorted(np.unique(panel.time), time).astype(np.int64)
    numbers: Ints = ((time - time.min()) // step.to_timedelta64()).astype(np.int64)
    return numbers


def _training(panel: Panel, end: Ints, config: TaskConfig, max_windows: int | None) -> Windows:
    """Windows to learn from, with the last step before `end`: origins at issue times first, up to
    their share of the budget, then all others."""
    at_issue = issue_rows(panel, config.issue_times)
    first = first_origins(end, panel.freq)
    origins = [np.arange(a, b) for a, b in zip(first, end - config.horizon + 1, strict=True)]
    windows = issued(panel, origins, config, nominal=~at_issue)
    inside = windows.first + windows.horizon <= end[windows.series]
    windows = windows.take(inside & windows.complete())
    preferred = at_issue[panel.offsets[windows.series] + windows.origin]
    if max_windows is None or len(windows) <= max_windows or preferred.all():
        return _thin(windows, max_windows)
    share = max(1, int(max_windows * _SHARE_AT_ISSUE_TIMES))
    positions = np.arange(len(windows))
    chosen = _kept(windows.take(preferred), share)
    others = _kept(windows.take(~preferred), max_windows - len(chosen))
    kept = np.sort(np.append(positions[preferred][chosen], positions[~preferred][others]))
    return windows.take(kept)


def daily(windows: Windows, max_windows: int | None) -> Windows:
    """At most `max_windows`: all days of as many steps of the day as fit, evenly spaced, so that
    the forecasts issued before a window stand beside it; fewer days where one step is too many.
    """
    if max_windows is None or len(windows) <= max_windows:
        return windows
    phase = _back(windows) % windows.panel.freq.season
    met = np.unique(phase)
    count = max(1, max_windows * len(met) // len(windows))
    chosen = met[np.arange(count) * len(met) // count]
    return _thin(windows.take(np.isin(phase, chosen)), max_windows)


def _thin(windows: Windows, max_windows: int | None) -> Windows:
    """At most `max_windows` of all series together."""
    return windows if max_windows is None else windows.take(_kept(windows, max_windows))


def _kept(windows: Windows, most: int) -> Ints:
    """Positions of at most `most` windows: all, or evenly thinned ones (see `thinned`)."""
    if len(windows) <= most:
        return np.arange(len(windows))
    share, season = most / len(windows), windows.panel.freq.season
    kept = np.flatnonzero(thinned(_back(windows), share, season, windows.series))
    if len(kept) > most:
        # Shares do not add up exactly.
        spread = np.linspace(0, len(kept) - 1, most)
        kept = kept[np.ceil(spread).astype(np.int64)]
    return kept


def _back(windows: Windows) -> Ints:
    """[n] steps before the newest origin of the window's series."""
    newest = np.zeros(len(windows.panel.sizes), np.int64)
    np.maximum.at(newest, windows.series, windows.origin)
    back: Ints = newest[windows.series] - windows.origin
    return back
