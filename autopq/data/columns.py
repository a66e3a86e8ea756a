"""Which column is which, when the task does not say."""

from dataclasses import dataclass

import pandas as pd

from autopq.data.stamps import share_of_stamps
from autopq.errors import Issue
from autopq.task import TaskConfig

TIMESTAMP_NAMES = (
    "timestamp",
    "ds",
    "time",
    "datetime",
    "date",
    "utc_timestamp",
    "date_time",
    "start_time",
    "valid_time",
)
ITEM_ID_NAMES = ("item_id", "unique_id", "series_id", "id", "series")
TARGET_ALIASES = ("y", "value")
_DEFAULT_TARGET = "target"
_SAMPLE_ROWS = 100
_FEW_WRONG = 0.5  # share of stamps from which a column with the right name is one of stamps


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns a task uses. `target` is None in a table of future covariates, `item_id` when
    there is one series without a name."""

    timestamp: str
    item_id: str | None
    target: str | None
    covariates: tuple[str, ...]
    available_at: str | None = None
    static: tuple[str, ...] = ()


def find_timestamp(table: pd.DataFrame) -> str | None:
    """The column with a usual name for time that holds stamps, else the first column of nothing
    but stamps, else one with such a name whatever it holds: then its rows can be named."""
    usual = _by_usual_name(table, TIMESTAMP_NAMES)
    share = {name: share_of_stamps(table[name].head(_SAMPLE_ROWS)) for name in table.columns}
    by_name = [name for name in usual if share[name] > _FEW_WRONG]
    by_content = [str(name) for name in table.columns if share[name] == 1]
    return next(iter([*by_name, *by_content, *usual]), None)


def find_item_id(table: pd.DataFrame) -> str | None:
    """The column with a usual name for series."""
    return next(iter(_by_usual_name(table, ITEM_ID_NAMES)), None)


def find_columns(
    table: pd.DataFrame, config: TaskConfig, *, needs_target: bool = True
) -> tuple[Columns | None, list[Issue]]:
    """The columns of a task in a table, or None with what is missing."""
    issues: list[Issue] = []

    def named(column: str, setting: str) -> str:
        if column not in table.columns:
            issues.append(
                Issue(
                    setting,
                    f"the table has no column '{column}'.",
                    f"Choose one of {_listed(table)}.",
                )
            )
        return column

    used = (config.target, *config.known_covariates, *config.static_features)
    if config.available_at is not None:
        named(config.available_at, "available_at")
        used = (*used, config.available_at)
    if config.timestamp is not None:
        timestamp = named(config.timestamp, "timestamp")
    else:
        found = find_timestamp(table.drop(columns=[c for c in used if c in table.columns]))
        timestamp = found or ""
        if found is None:
            issues.append(
                Issue(
                    "timestamp",
                    "no column holds time stamps.",
                    "Name the time column in `timestamp`; write stamps like 2024-01-31 13:00.",
                )
            )
    item_id = named(config.item_id, "item_id") if config.item_id else find_item_id(table)
    if item_id in (timestamp, *used) and config.item_id is None:
        item_id = None
    target = None
    if needs_target:
        alias = next((a for a in TARGET_ALIASES if a in table.columns), None)
        default_missing = config.target == _DEFAULT_TARGET and config.target not in table.columns
        target = alias if default_missing and alias else named(config.target, "target")
    for covariate in config.known_covariates:
        named(covariate, "known_covariates")
    for feature in config.static_features:
        named(feature, "static_features")
    given = (timestamp, item_id, target, config.available_at)
    roles = [role for role in (*given, *config.known_covariates, *config.static_features) if role]
    for role in {r for r in roles if roles.count(r) > 1}:
        issues.append(
            Issue(str(role), "this column was given two roles.", "Give each role its own column.")
        )
    if issues:
        return None, issues
    return Columns(
        timestamp,
        item_id,
        target,
        config.known_covariates,
        config.available_at,
        config.static_features,
    ), []


def _by_usual_name(table: pd.DataFrame, usual: tuple[str, ...]) -> list[str]:
    lowered = {str(column).lower(): str(column) for column in reversed(table.columns)}
    return [lowered[name] for name in usual if name in lowered]


def _listed(table: pd.DataFrame, most: int = 20) -> str:
    names = ", ".join(f"'{column}'" for column in table.columns[:most])
    return names if len(table.columns) <= most else f"{names} and {len(table.columns) - most} more"
