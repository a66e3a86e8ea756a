"""What a task asks of a table: one step, enough rows, covariates for the whole horizon."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from autopq.data.columns import Columns
from autopq.data.frequency import Frequency, infer_frequency
from autopq.data.grid import Grid
from autopq.data.origins import check_issue_times, delivered, issued
from autopq.data.panel import Panel
from autopq.data.rows import Rows
from autopq.data.splits import required_rows, split
from autopq.errors import InputError, Issue
from autopq.task import TaskConfig

_MOST_NAMED = 5  # findings of one kind named one by one


def settle_frequency(rows: Rows, given: Frequency | None, field: str) -> Frequency:
    """The given or the commonest step; raises InputError for series that keep another one."""
    freq = given or infer_frequency(rows.time, rows.series)
    if freq.step is None:
        return freq
    step = freq.step.to_timedelta64()
    within = np.diff(rows.series) == 0
    steps = pd.DataFrame({"series": rows.series[1:][within], "step": np.diff(rows.time)[within]})
    counts = steps.value_counts().reset_index()
    usual = counts.drop_duplicates("series").sort_values("series")
    odd = usual[(usual["step"] != step) & (usual["count"] >= 2)]
    if given is not None and len(odd) and len(odd) == len(usual):
        raise InputError(
            Issue(
                "freq",
                f"the rows are {odd['step'].iloc[0]} apart, not '{freq.alias}'.",
                "Correct `freq` or leave it out.",
            )
        )
    if len(odd):
        first_rows = np.searchsorted(rows.series, odd["series"].to_numpy())
        raise InputError(
            [
                Issue(
                    field,
                    f"the rows of series '{rows.item_ids[number]}' are {apart} apart, those of "
                    f"the others '{freq.alias}'.",
                    "Bring all series to one step, or fit them apart.",
                    int(rows.number[row]),
                )
                for number, apart, row in zip(odd["series"], odd["step"], first_rows, strict=True)
            ][:_MOST_NAMED]
        )
    return freq


def too_little(grid: Grid, config: TaskConfig, columns: Columns) -> list[Issue]:
    """Findings where no series can take part in every split, for want of rows or of values."""
    panel, field = grid.panel, columns.target or config.target
    needed = required_rows(config, panel.freq)
    longest = int(panel.lengths.max())
    if longest < needed:
        return [
            Issue(
                field,
                f"the longest series has {longest} rows, but a horizon of {config.horizon}"
                f"{_after_lead(config)} with these splits needs {needed}.",
                "Send a longer history, or choose a shorter horizon or a smaller `test_fraction`.",
            )
        ]
    if off_clock := check_issue_times(panel, config.issue_times):
        return off_clock
    any_time = config.model_copy(update={"issue_times": None, "delivery_day": None})
    timeless = replace(panel, vintages=None)
    issues = [
        Issue(
            field,
            f"missing values leave no complete window of {config.horizon} steps for {name}.",
            "Fill the gaps where the values can be known, or choose a shorter horizon.",
        )
        for name in _empty_parts(timeless, any_time)
    ]
    issues = issues or [
        Issue(
            "issue_times",
            f"no complete window of {config.horizon} steps for {name} begins at "
            f"{' or '.join(config.issue_times or ())}.",
            "Send a longer history, give more times, or leave `issue_times` out.",
        )
        for name in _empty_parts(timeless, config)
    ]
    return issues or _leaks(panel, config)


def _leaks(panel: Panel, config: TaskConfig) -> list[Issue]:
    """Findings for known covariates that come too late for every window of some part."""
    if panel.vintages is None or not (empty := _empty_parts(panel, config)):
        return []
    windows = split(replace(panel, vintages=None), config).validation
    first = panel.vintages.first_known(len(panel.time))[windows.steps]  # [n, H, F]
    wait = first - windows.moment[:, None, None]
    late: npt.NDArray[np.bool_] = np.any(wait > np.timedelta64(0), axis=1)  # [n, F]
    issues = []
    for number, name in enumerate(config.known_covariates):
        if late[:, number].any():
            typical = np.median(wait[:, -1, number][late[:, number]].astype(np.int64))
            issues.append(
                Issue(
                    name,
                    f"is not known when forecasts are issued: {late[:, number].mean():.0%} of the "
                    f"validation windows would look at values that came later, at the last step "
                    f"typically by {pd.Timedelta(max(typical, 0), unit='us')}; that leaves no "
                    f"window for {' and '.join(empty)}.",
                    f"Take it out of `known_covariates`, or send the values that were forecast "
                    f"for it, each with the time in '{config.available_at}' at which it was.",
                )
            )
    return issues


def _after_lead(config: TaskConfig) -> str:
    return f" after a lead time of {config.lead_time}" if config.lead_time else ""


def _empty_parts(panel: Panel, config: TaskConfig) -> list[str]:
    splits = split(panel, config)
    parts = {"training": splits.train, "validation": splits.validation, "test": splits.test}
    if config.test_fraction == 0:
        del parts["test"]
    return [name for name, windows in parts.items() if len(windows) == 0]


def missing_future(grid: Grid, config: TaskConfig, prefix: str) -> list[Issue]:
    """Findings where a known covariate is not given for the whole horizon of a series; `prefix`
    goes before its name."""
    panel, issues = grid.panel, []
    windows = issued(panel, list(panel.lengths[:, None]), config)
    # Steps of the lead time count as well: models look at what comes just before a step.
    needed = windows.first - windows.origin + delivered(windows, config).sum(axis=1)  # [S]
    step = np.minimum(np.arange(needed.max()), needed[:, None] - 1)
    ahead = (panel.offsets + panel.lengths)[:, None] + step  # [S, L] flat rows to forecast
    repeated = np.arange(needed.max()) >= needed[:, None]
    absent = np.isnan(panel.covariates[ahead]) & ~repeated[:, :, None]  # [S, L, F]
    for number, name in enumerate(panel.covariate_names):
        for series in np.flatnonzero(absent[:, :, number].any(axis=1))[:_MOST_NAMED]:
            steps = absent[series, :, number]
            first = pd.Timestamp(panel.local_time[ahead[series, np.argmax(steps)]])
            of = f" of series '{panel.item_ids[series]}'" if len(panel.item_ids) > 1 else ""
            issues.append(
                Issue(
                    f"{prefix}{name}",
                    f"is missing for {int(steps.sum())} of the {int(needed[series])} steps up to "
                    f"the end of the forecast{of}, the first at {first}.",
                    "Send this covariate for every step up to the end of the forecast.",
                )
            )
    return issues
