"""AutoPQ's own quantile models: a flow trained on targets, disturbed around the point forecast.

The flow learns the distribution of target windows given the situation, without any forecast. A
point forecast is carried into latent space, disturbed there, and the disturbed copies carried
back (Heidrich et al. 2023; Meisenbacher et al. 2024). With spread 0 they are the point forecast.
"""

from typing import Any, ClassVar, Self

import numpy as np
import torch

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import State
from autopq.forecasters.scaling import SeriesScale
from autopq.quantiles.base import NeedsPoint
from autopq.quantiles.conditions import ConditionEncoder, default_history
from autopq.quantiles.flow import FlowSettings
from autopq.quantiles.flow_cache import FlowCache, TargetFlow, fingerprint
from autopq.quantiles.flow_model import Draws, FlowModel
from autopq.quantiles.flow_training import FlowFit, TrainingSettings, train_flow
from autopq.quantiles.latent import LatentDraws, Perturbation
from autopq.quantiles.states import nested, unnested
from autopq.training import described


class TargetTrainedCINN(FlowModel):
    """What both variants share. The network's sizes are the published ones; it is trained with a
    falling, higher learning rate and stopped early, which needs fewer epochs."""

    needs_point: ClassVar[NeedsPoint] = "forecast"
    spread_range = (0.01, 3.0)
    perturbation: ClassVar[Perturbation]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._flows = FlowCache()
        self._flow: TargetFlow | None = None

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            "training_method": "backprop",
            "training_options": {},
            "training_ranks": 1,
            "spread": 0.3,
            "paths": 512,
            "history": None,
            "blocks": 10,
            "hidden": 32,
            "condition_hidden": 8,
            "embedding": 4,
            "clamp": 0.5,
            "dropout": 0.0,
            "max_epochs": 30,
            "batch_size": 256,
            "learning_rate": 2e-3,
            "weight_decay": 1e-5,
            "patience": 6,
        }

    def use(self, flows: FlowCache) -> None:
        self._flows = flows

    def fit(
        self,
        train: Windows,
        train_points: Floats | None,
        validation: Windows,
        validation_points: Floats | None,
        context: FitContext,
    ) -> None:
        sampling = ("spread", "paths")
        settings = {name: value for name, value in self.params.items() if name not in sampling}
        epochs = int(self.params["max_epochs"])
        if len(validation) == 0 and self._flow is not None:
            epochs = self._flow.fit.best_epoch
        settings |= {"max_epochs": epochs, "seed": context.seed}
        key = fingerprint([train, validation], settings)
        self._flow = self._flows.get(
            key, lambda: _train(train, validation, self.params | {"max_epochs": epochs}, context)
        )

    def draws(
        self, windows: Windows, points: Floats | None, paths: int, rng: np.random.Generator
    ) -> Draws:
        if points is None:
            raise ValueError("this model needs point forecasts")
        flow = self._fitted
        part = LatentDraws.prepare(
            flow.fit.flow,
            flow.encoder.encode(windows, None),
            torch.from_numpy(flow.encoder.scaled(windows, points)),
            self.perturbation,
            paths,
            rng,
        )
        return Draws((part,), *flow.encoder.units(windows))

    def state(self) -> State:
        flow = self._fitted
        state = nested({"flow": flow.fit.to_state(), "encoder": flow.encoder.to_state()})
        return State(state.arrays, {**state.meta, "params": self.params, "spread": self.spread})

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = cls(**state.meta["params"])
        model.spread = state.meta["spread"]
        parts = unnested(state)
        model._flow = TargetFlow(
            FlowFit.from_state(parts["flow"]), ConditionEncoder.from_state(parts["encoder"])
        )
        return model

    def describe(self) -> dict[str, Any]:
        if self._flow is None:
            return {}
        return self._flow.fit.describe() | {"training": described([self._flow.fit.training])}

    @property
    def _fitted(self) -> TargetFlow:
        if self._flow is None:
            raise RuntimeError("fit the model first")
        return self._flow


class PublishedCINN(TargetTrainedCINN):
    """Multiplicative noise z(1 + σε), as the authors' code has it: latent dimensions near zero
    get no spread, unusual forecasts get more."""

    name = "cinn_published"
    perturbation = "multiplicative"


class AdditiveCINN(TargetTrainedCINN):
    """Additive noise z + σε: the same spread in every latent dimension."""

    name = "cinn_additive"
    perturbation = "additive"


def _train(
    train: Windows, validation: Windows, params: dict[str, Any], context: FitContext
) -> TargetFlow:
    scale = SeriesScale.fit(train)
    history = params["history"] or default_history(train)
    encoder = ConditionEncoder.fit(train, scale=scale, history=history, with_points=False)

    def tensors(windows: Windows) -> tuple[torch.Tensor, torch.Tensor]:
        targets = torch.from_numpy(encoder.scaled(windows, windows.target()))
        return targets, encoder.encode(windows, None)

    data = tensors(train)
    settings = FlowSettings(
        dimensions=train.horizon,
        condition_size=data[1].shape[1],
        blocks=params["blocks"],
        hidden=params["hidden"],
        condition_hidden=params["condition_hidden"],
        embedding=params["embedding"],
        clamp=params["clamp"],
        dropout=params["dropout"],
    )
    held_out = tensors(validation) if len(validation) else None
    label = "quantiles/target_flow"
    fit = train_flow(settings, TrainingSettings.of(params), data, held_out, context, label)
    return TargetFlow(fit, encoder)
