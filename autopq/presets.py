"""What each preset tries, and how hard. The numbers are budgets, not results."""

from dataclasses import dataclass, field, replace
from typing import Any

from autopq.errors import InputError, Issue
from autopq.forecasters import registry as forecaster_registry
from autopq.quantiles import registry as quantile_registry
from autopq.task import Preset, TaskConfig
from autopq.training_plan import NETWORKS, Stage

REFERENCE_FORECASTER = "seasonal_naive"
REFERENCE_QUANTILE_MODEL = "residual"
# Fitted whatever the budget: they take no time, and without them nothing could be returned.
REFERENCE_FORECASTERS = (REFERENCE_FORECASTER, "climatology")
GIVEN_FORECASTER = "given"
# What trials are called that only tell how much of a budget to keep back.
RESERVE = "reserve"


@dataclass(frozen=True)
class Effort:
    """The candidates of a fit and its row budgets.

    Windows are the unit of the budgets: one window is one forecast origin of one series.
    """

    forecasters: tuple[str, ...]
    quantile_models: tuple[str, ...]
    train_windows: int
    validation_windows: int
    test_windows: int
    score_paths: int  # sample paths a window while a spread is searched
    spread_trials: int
    # Quantile models beyond the reference are tried on the best point forecasters only; those
    # that need out-of-fold points refit them `folds` times.
    rich_forecasters: int
    folds: int
    ensemble: bool  # whether an average of candidates may win
    tuned: tuple[str, ...] = ()  # components whose hyper-parameters are searched
    tuning_trials: int = 0  # settings tried of all of them together
    params: dict[str, dict[str, Any]] = field(default_factory=dict)  # by component name


_FAST = Effort(
    forecasters=("seasonal_naive", "lightgbm"),
    quantile_models=("residual", "cinn_additive"),
    train_windows=1500,
    validation_windows=200,
    test_windows=200,
    score_paths=256,
    spread_trials=12,
    rich_forecasters=1,
    folds=3,
    ensemble=False,
    params={"cinn_additive": {"paths": 256, "max_epochs": 20}},
)
_DEFAULT = Effort(
    forecasters=("seasonal_naive", "climatology", "lightgbm", "mlp"),
    quantile_models=(
        "residual",
        "cinn_residual",
        "lightgbm_quantile",
        "mlp_quantile",
        "mlp_season_quantile",
    ),
    train_windows=4000,
    validation_windows=800,
    test_windows=800,
    score_paths=256,
    spread_trials=20,
    rich_forecasters=1,
    folds=2,
    ensemble=True,
    params={
        "mlp": {"members": 1},
        "cinn_residual": {"seeds": 2},
        "lightgbm_quantile": {"max_rows": 48_000},
        "mlp_quantile": {"max_rows": 80_000, "seeds": 4},
    },
)
EFFORTS: dict[Preset, Effort] = {
    "fast": _FAST,
    "default": _DEFAULT,
    # What the default has, on the same rows, so that a search adds to it. More training windows
    # would be of other hours than those that forecasts are issued at.
    "advanced": replace(
        _DEFAULT,
        forecasters=("seasonal_naive", "climatology", "linear", "lightgbm", "mlp", "nhits"),
        score_paths=512,
        spread_trials=30,
        rich_forecasters=2,
        folds=3,
        tuned=("lightgbm", "mlp", "lightgbm_quantile", "mlp_quantile"),
        tuning_trials=24,
        params={**_DEFAULT.params, "cinn_residual": {"seeds": 3}},
    ),
}


def effort(config: TaskConfig) -> Effort:
    """The preset's effort; the task's own lists of components take its place. The seasonal naive
    forecaster with residual quantiles is always among them, as a reference.

    A preset without a network for the task's training methods is given one. Raises InputError
    when the task's own lists have none, or name a forecaster whose package is not installed.
    """
    base = EFFORTS[config.preset]
    forecasters = config.forecasters or _with_networks(base.forecasters, config, ("forecaster",))
    quantile_models = config.quantile_models or _with_networks(
        base.quantile_models, config, ("cinn", "quantile")
    )
    params = dict(base.params)
    if config.given_forecast is not None:
        forecasters = _with(GIVEN_FORECASTER, forecasters)
        params[GIVEN_FORECASTER] = {"column": config.given_forecast}
    _check_usable(config, forecasters)
    _check_networks(config, forecasters, quantile_models)
    return replace(
        base,
        forecasters=_with(REFERENCE_FORECASTER, forecasters),
        quantile_models=_with(REFERENCE_QUANTILE_MODEL, quantile_models),
        params=params,
        tuned=tuple(name for name in base.tuned if name in {*forecasters, *quantile_models}),
    )


def _with_networks(
    names: tuple[str, ...], config: TaskConfig, stages: tuple[Stage, ...]
) -> tuple[str, ...]:
    for stage in stages:
        if config.training_methods.of(stage) and not set(names) & set(NETWORKS[stage]):
            names = (*names, NETWORKS[stage][0])
    return names


def _check_usable(config: TaskConfig, forecasters: tuple[str, ...]) -> None:
    reasons = [forecaster_registry.unavailable(name) for name in forecasters]
    issues = [reason for reason in reasons if reason is not None]
    if GIVEN_FORECASTER in forecasters and config.given_forecast is None:
        issues.append(
            Issue(
                "given_forecast",
                f"'{GIVEN_FORECASTER}' needs to know which column holds the forecasts.",
                "Name a known covariate in `given_forecast`.",
            )
        )
    if issues:
        raise InputError(issues)


def _check_networks(
    config: TaskConfig, forecasters: tuple[str, ...], quantile_models: tuple[str, ...]
) -> None:
    known = {*forecaster_registry.built_in(), *quantile_registry.built_in()}
    stages: tuple[tuple[Stage, str, tuple[str, ...]], ...] = (
        ("forecaster", "forecasters", forecasters),
        ("cinn", "quantile_models", quantile_models),
        ("quantile", "quantile_models", quantile_models),
    )
    issues = [
        Issue(
            f"training_methods.{stage}",
            f"none of the {setting} of this task is a network of that kind.",
            f"Add {' or '.join(NETWORKS[stage])} to `{setting}`.",
        )
        for stage, setting, names in stages
        # Whether a plug-in holds a network is not known before it is loaded.
        if config.training_methods.of(stage)
        and not set(names) & set(NETWORKS[stage])
        and set(names) <= known
    ]
    if issues:
        raise InputError(issues)


def _with(reference: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return names if reference in names else (reference, *names)
