"""What a trial of the joint search does: fit one setting of one component, and score it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from autopq.context import FitContext
from autopq.data.panel import Floats
from autopq.data.splits import Splits
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.evaluation.scores import mean_pinball
from autopq.forecasters import registry as forecasters
from autopq.forecasters.base import PointForecaster
from autopq.members import clip, dense_quantiles
from autopq.observer import SilentObserver
from autopq.presets import REFERENCE_QUANTILE_MODEL
from autopq.quantiles import registry as quantile_models
from autopq.quantiles.base import QuantileModel
from autopq.search.candidates import cross_fitted
from autopq.search.trials.base import Ears, TrialRequest
from autopq.state import State
from autopq.task import TaskConfig
from training_methods.distributed import RankLauncher

if TYPE_CHECKING:
    from autopq.forecasters.representation import Views


@dataclass(frozen=True)
class FitSetting:
    """A `trials.base.Work`: the splits and all else that a setting does not say."""

    splits: Splits
    config: TaskConfig
    seed: int
    device: torch.device
    views: "Views | None"
    ranks: RankLauncher

    def __call__(self, request: TrialRequest, ears: Ears) -> tuple[float, State | None]:
        listening = _Listening(ears)
        context = FitContext(self.seed, listening, self.device, self.views, ears.report, self.ranks)
        component = load_component(request.component)
        if issubclass(component, PointForecaster):
            return self._fit_point(request, context)
        return self._fit_quantiles(request, context)

    def _fit_point(self, request: TrialRequest, context: FitContext) -> tuple[float, State]:
        """Scored by residual quantiles around the forecasts: comparable with direct quantiles."""
        splits = self.splits
        forecaster = forecasters.create(request.component, **request.params)
        forecaster.fit(splits.train, splits.validation, context)
        points = clip(forecaster.predict(splits.validation), self.config)
        model = quantile_models.create(REFERENCE_QUANTILE_MODEL)
        found = cross_fitted(model, points, None, splits, self.config, context)
        return self._loss(found), forecaster.state()

    def _fit_quantiles(self, request: TrialRequest, context: FitContext) -> tuple[float, State]:
        splits = self.splits
        model = quantile_models.create(request.component, **request.params)
        model.fit(splits.train, None, splits.validation, None, context)
        rng = context.generator("score")
        found = dense_quantiles(model, splits.validation, None, self.config, rng)
        return self._loss(found), model.state()

    def _loss(self, quantiles: Floats) -> float:
        return mean_pinball(self.splits.validation.target(), quantiles, DENSE_LEVELS)


def load_component(name: str) -> type[PointForecaster] | type[QuantileModel]:
    """A point forecaster or quantile model by name."""
    if name in quantile_models.built_in():
        return quantile_models.load(name)
    return forecasters.load(name)


class _Listening(SilentObserver):
    """The observer of a fit that only asks whether to stop."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears

    def should_stop(self) -> bool:
        return self._ears.should_stop()
