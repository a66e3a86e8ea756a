"""What stands in where a model cannot answer: climatology, which needs no history.

Its distribution is that of its own errors on validation rows. It is fitted beside every winner.
"""

from autopq.context import FitContext
from autopq.data.panel import Panel
from autopq.data.splits import Splits, fit_windows
from autopq.forecasters.climatology import Climatology
from autopq.members import Member, clip
from autopq.quantiles.residual import ResidualQuantiles
from autopq.task import TaskConfig


def fit_fallback(panel: Panel, splits: Splits, config: TaskConfig, context: FitContext) -> Member:
    """Climatology of all rows if the task refits, else of the training rows."""
    forecaster, model = Climatology(), ResidualQuantiles()
    forecaster.fit(splits.train, splits.validation, context)
    points = clip(forecaster.predict(splits.validation), config)
    model.fit(splits.train, None, splits.validation, points, context)
    if config.refit:
        forecaster.fit(fit_windows(panel, config), None, context)
    return Member(forecaster, model, 1.0)
