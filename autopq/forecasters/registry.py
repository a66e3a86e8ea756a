"""Point forecasters by name.

Names map to `module:Class`, imported on first use only: whoever lists names (a web process, a
command line) pays for no machine-learning library. A package adds its own forecasters by the
entry-point group `autopq.forecasters`; built-in names win over plug-ins.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from autopq.errors import InputError, Issue

if TYPE_CHECKING:
    from autopq.forecasters.base import PointForecaster

ENTRY_POINT_GROUP = "autopq.forecasters"

_BUILT_IN = {
    "seasonal_naive": "autopq.forecasters.naive:SeasonalNaive",
    "climatology": "autopq.forecasters.climatology:Climatology",
    "lightgbm": "autopq.forecasters.gradient_boosting:GradientBoosting",
    "mlp": "autopq.forecasters.neural:MLPForecaster",
    "nhits": "autopq.forecasters.sequence_networks:NHiTSForecaster",
    "deepar": "autopq.forecasters.sequence_networks:DeepARForecaster",
    "tft": "autopq.forecasters.sequence_networks:TFTForecaster",
    "linear": "autopq.forecasters.linear:LinearForecaster",
    "svr": "autopq.forecasters.support_vectors:SupportVectors",
    "ets": "autopq.forecasters.exponential_smoothing:ExponentialSmoothing",
    "sarimax": "autopq.forecasters.arima:Sarimax",
    "chronos": "autopq.forecasters.foundation:Chronos",
    "given": "autopq.forecasters.given:GivenForecast",
    "structural": "autopq.forecasters.structural:Structural",
}

# Forecasters that stand on a package outside the core, and the extra that brings it.
_NEEDS = {
    "chronos": ("chronos", "foundation"),
    "svr": ("sklearn", "statistical"),
    "ets": ("statsmodels", "statistical"),
    "sarimax": ("statsmodels", "statistical"),
    "structural": ("statsmodels", "statistical"),
}


@cache
def _targets() -> dict[str, str]:
    plug_ins = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINT_GROUP)}
    return plug_ins | _BUILT_IN


def names() -> tuple[str, ...]:
    """Every known forecaster, built-in ones first."""
    return tuple(dict.fromkeys([*_BUILT_IN, *sorted(_targets())]))


def built_in() -> tuple[str, ...]:
    """The names of this package's own forecasters."""
    return tuple(_BUILT_IN)


def unavailable(name: str) -> Issue | None:
    """Why a built-in forecaster cannot be used here; None when it can. Imports nothing."""
    package, extra = _NEEDS.get(name, (None, None))
    if package is None or find_spec(package) is not None:
        return None
    return Issue(
        "forecasters",
        f"'{name}' needs the package {package}, which is not installed.",
        f"Install it with `pip install 'autopq-service[{extra}]'`, or leave '{name}' out.",
    )


def load(name: str) -> type["PointForecaster"]:
    """The class of a forecaster. Raises InputError for an unknown name, and for one whose package
    is not installed."""
    target = _targets().get(name)
    if target is None:
        known = ", ".join(names())
        raise InputError(Issue("forecasters", f"'{name}' is unknown.", f"Use one of {known}."))
    if (reason := unavailable(name)) is not None:
        raise InputError(reason)
    module, _, attribute = target.partition(":")
    found: type[PointForecaster] = getattr(import_module(module), attribute)
    return found


def create(name: str, **params: Any) -> "PointForecaster":
    """An unfitted forecaster. Raises InputError for an unknown name or parameter."""
    forecaster = load(name)
    known = forecaster.defaults()
    issues = [
        Issue(
            f"{name}.{param}",
            "there is no such parameter.",
            f"Use one of {', '.join(known)}." if known else f"'{name}' takes none.",
        )
        for param in params
        if param not in known
    ]
    if issues:
        raise InputError(issues)
    return forecaster(**params)
