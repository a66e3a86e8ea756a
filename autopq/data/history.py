"""The rows a fitted model keeps of its panel, and how new rows are laid over them.

A model can therefore forecast from the end of its training data without any upload, or be sent
only what arrived since.
"""

import numpy as np
import pandas as pd

from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Ints, Panel, Statics, Times
from autopq.data.zones import to_local
from autopq.errors import InputError, Issue
from autopq.state import State


def _assemble(template: Panel, parts: list[tuple[Times, int, Floats, Floats]]) -> Panel:
    """A panel with the template's items; a part is (time, length, target, covariates)."""
    sizes = np.array([len(time) for time, *_ in parts], np.int64)
    time = np.concatenate([part[0] for part in parts])
    return Panel(
        item_ids=template.item_ids,
        offsets=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        lengths=np.array([part[1] for part in parts], np.int64),
        sizes=sizes,
        time=time,
        local_time=_wall_clock(time, template.timezone),
        target=np.concatenate([part[2] for part in parts]),
        covariates=np.concatenate([part[3] for part in parts]),
        covariate_names=template.covariate_names,
        freq=template.freq,
        timezone=template.timezone,
        statics=template.statics,
    )


def tail(panel: Panel, rows: int) -> Panel:
    """The last `rows` known rows of every series and all its future rows."""
    parts = []
    for offset, length, size in zip(panel.offsets, panel.lengths, panel.sizes, strict=True):
        first = max(0, int(length) - rows)
        keep = slice(offset + first, offset + size)
        parts.append(
            (panel.time[keep], int(length) - first, panel.target[keep], panel.covariates[keep])
        )
    return _assemble(panel, parts)


def extend(panel: Panel, horizon: int) -> Panel:
    """The panel with at least `horizon` rows after each series' last known one, so that the
    calendar of every step to forecast exists; new covariates are NaN."""
    parts = []
    for offset, length, size in zip(panel.offsets, panel.lengths, panel.sizes, strict=True):
        rows = max(int(size), int(length) + horizon)
        own = slice(offset, offset + size)
        parts.append(
            (
                panel.freq.range(panel.time[offset], rows),
                int(length),
                _padded(panel.target[own], rows),
                _padded(panel.covariates[own], rows),
            )
        )
    return _assemble(panel, parts)


def lay_over(stored: Panel, given: Panel, enough: int) -> Panel:
    """`stored` with the rows of `given` over it, items in `stored`'s order.

    Where both know a value the given one counts. A given series of `enough` rows or more stands
    alone; so does one that starts more than a season after the stored rows end, since the hole
    between would be guesswork. Raises InputError for items or steps the model does not know.
    """
    _check_compatible(stored, given)
    position = {item: i for i, item in enumerate(given.item_ids)}
    parts = []
    for s, item in enumerate(stored.item_ids):
        old = _series(stored, s)
        new = _series(given, position[item]) if item in position else None
        parts.append(old if new is None else _merge(old, new, stored.freq, enough))
    return _assemble(stored, parts)


def _check_compatible(stored: Panel, given: Panel) -> None:
    issues = [
        Issue(
            "item_id",
            f"the model was not trained on '{item}'.",
            f"Send only series it knows, such as '{stored.item_ids[0]}', or train with this one.",
        )
        for item in given.item_ids
        if item not in set(stored.item_ids)
    ]
    if given.freq.offset != stored.freq.offset:
        issues.append(
            Issue(
                "timestamp",
                f"the step is '{given.freq.alias}', the model's is '{stored.freq.alias}'.",
                "Resample the rows to the model's step.",
            )
        )
    if (given.timezone is None) != (stored.timezone is None):
        issues.append(
            Issue(
                "timestamp",
                "the stamps say their offset from UTC, those the model was trained on did not."
                if stored.timezone is None
                else "the stamps do not say their offset from UTC, as the model's do.",
                "Write the stamps as in the training table.",
            )
        )
    if issues:
        raise InputError(issues)


def _series(panel: Panel, s: int) -> tuple[Times, int, Floats, Floats]:
    own = slice(panel.offsets[s], panel.offsets[s] + panel.sizes[s])
    return panel.time[own], int(panel.lengths[s]), panel.target[own], panel.covariates[own]


def _merge(
    old: tuple[Times, int, Floats, Floats],
    new: tuple[Times, int, Floats, Floats],
    freq: Frequency,
    enough: int,
) -> tuple[Times, int, Floats, Floats]:
    _check_phase(old[0][0], new[0][0], freq)
    reach = freq.season * freq.offset
    ends, begins = pd.Timestamp(old[0][old[1] - 1]), pd.Timestamp(new[0][0])
    before = pd.Timestamp(new[0][-1]) + reach < pd.Timestamp(old[0][0])
    if new[1] >= enough or before or begins > ends + reach:
        return new
    start = min(old[0][0], new[0][0])
    last = max(old[0][-1], new[0][-1])
    index = pd.date_range(pd.Timestamp(start), pd.Timestamp(last), freq=freq.alias)
    time = np.asarray(index.to_numpy(), "datetime64[us]")
    at_old, at_new = np.searchsorted(time, old[0][0]), np.searchsorted(time, new[0][0])
    target = np.full(len(time), np.nan)
    covariates = np.full((len(time), old[3].shape[1]), np.nan)
    target[at_old : at_old + old[1]] = old[2][: old[1]]
    covariates[at_old : at_old + len(old[0])] = old[3]
    for merged, part in ((target, new[2]), (covariates, new[3])):
        rows = merged[at_new : at_new + len(new[0])]
        merged[at_new : at_new + len(new[0])] = np.where(np.isnan(part), rows, part)
    # The end of the given rows is the present, even when stored rows reach further: a user who
    # sends the past asks for a forecast made then.
    length = int(at_new + new[1])
    target[length:] = np.nan
    return time, length, target, covariates


def _check_phase(stored: np.datetime64, given: np.datetime64, freq: Frequency) -> None:
    """Rows half a step off would be laid over the wrong ones. Calendar steps were already held to
    their grid by the audit."""
    if freq.step is None:
        return
    if (given - stored) % freq.step.to_timedelta64() != np.timedelta64(0):
        raise InputError(
            Issue(
                "timestamp",
                f"{given} is not a step of the model's grid, which passes {stored}.",
                "Send rows on the same steps as the training table.",
            )
        )


def _padded(values: Floats, rows: int) -> Floats:
    padded = np.full((rows, *values.shape[1:]), np.nan)
    padded[: len(values)] = values
    return padded


def panel_state(panel: Panel) -> State:
    """The panel as data for a model file; see `panel_of`."""
    arrays = {
        "lengths": panel.lengths,
        "sizes": panel.sizes,
        "time": panel.time.astype("datetime64[us]").view(np.int64),
        "target": panel.target,
        "covariates": panel.covariates,
    }
    statics = panel.statics or Statics((), np.empty((len(panel.item_ids), 0)))
    arrays["statics"] = statics.values
    meta = {
        "static_names": list(statics.names),
        "item_ids": list(panel.item_ids),
        "covariate_names": list(panel.covariate_names),
        "freq": panel.freq.alias,
        "timezone": panel.timezone,
    }
    return State(arrays, meta)


def panel_of(state: State) -> Panel:
    """Rebuild what `panel_state` took apart."""
    arrays, meta = state.arrays, state.meta
    sizes: Ints = np.asarray(arrays["sizes"], np.int64)
    time: Times = np.asarray(arrays["time"], np.int64).view("datetime64[us]")
    return Panel(
        item_ids=tuple(meta["item_ids"]),
        offsets=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        lengths=np.asarray(arrays["lengths"], np.int64),
        sizes=sizes,
        time=time,
        local_time=_wall_clock(time, meta["timezone"]),
        target=np.asarray(arrays["target"], np.float64),
        covariates=np.asarray(arrays["covariates"], np.float64),
        covariate_names=tuple(meta["covariate_names"]),
        freq=Frequency(meta["freq"]),
        timezone=meta["timezone"],
        statics=_statics_of(state),
    )


def _statics_of(state: State) -> Statics | None:
    if not (names := state.meta.get("static_names")):
        return None
    return Statics(tuple(names), np.asarray(state.arrays["statics"], np.float64))


def _wall_clock(time: Times, timezone: str | None) -> Times:
    return time if timezone is None else to_local(time, timezone)
