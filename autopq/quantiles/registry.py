"""Quantile models by name.

Names map to `module:Class`, imported on first use only: whoever lists names (a web process, a
command line) pays for no machine-learning library. A package adds its own models by the
entry-point group `autopq.quantile_models`; built-in names win over plug-ins.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from autopq.errors import InputError, Issue

if TYPE_CHECKING:
    from autopq.quantiles.base import QuantileModel

ENTRY_POINT_GROUP = "autopq.quantile_models"

_BUILT_IN = {
    "residual": "autopq.quantiles.residual:ResidualQuantiles",
    "cinn_residual": "autopq.quantiles.residual_cinn:ResidualCINN",
    "cinn_additive": "autopq.quantiles.cinn:AdditiveCINN",
    "cinn_published": "autopq.quantiles.cinn:PublishedCINN",
    "lightgbm_quantile": "autopq.quantiles.direct.trees:LightGBMQuantiles",
    "mlp_quantile": "autopq.quantiles.direct.mlp:MLPQuantiles",
    "mlp_season_quantile": "autopq.quantiles.direct.season_mlp:SeasonMLPQuantiles",
}


@cache
def _targets() -> dict[str, str]:
    plug_ins = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINT_GROUP)}
    return plug_ins | _BUILT_IN


def names() -> tuple[str, ...]:
    """Every known quantile model, built-in ones first."""
    return tuple(dict.fromkeys([*_BUILT_IN, *sorted(_targets())]))


def built_in() -> tuple[str, ...]:
    """The names of this package's own quantile models."""
    return tuple(_BUILT_IN)


def load(name: str) -> type["QuantileModel"]:
    """The class of a quantile model. Raises InputError for an unknown name."""
    target = _targets().get(name)
    if target is None:
        known = ", ".join(names())
        raise InputError(Issue("quantile_models", f"'{name}' is unknown.", f"Use one of {known}."))
    module, _, attribute = target.partition(":")
    found: type[QuantileModel] = getattr(import_module(module), attribute)
    return found


def create(name: str, **params: Any) -> "QuantileModel":
    """An unfitted quantile model. Raises InputError for an unknown name or parameter."""
    model = load(name)
    known = model.defaults()
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
    return model(**params)
