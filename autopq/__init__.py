"""AutoPQ: any point forecaster becomes a calibrated probabilistic forecast.

from autopq import AutoPQ, TaskConfig

result = AutoPQ(TaskConfig(target="load", horizon=24)).fit("load.csv")
forecast = result.model.predict()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autopq.forecast import Forecast
    from autopq.model import FittedModel
    from autopq.pipeline import AutoPQ, FitResult
    from autopq.task import TaskConfig
    from autopq.updating import update

__all__ = ["AutoPQ", "FitResult", "FittedModel", "Forecast", "TaskConfig", "update"]

# Imported when first asked for: whoever needs a task or a forecast pays for no model code.
_HOMES = {
    "AutoPQ": "autopq.pipeline",
    "FitResult": "autopq.pipeline",
    "FittedModel": "autopq.model",
    "Forecast": "autopq.forecast",
    "TaskConfig": "autopq.task",
    "update": "autopq.updating",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'autopq' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
