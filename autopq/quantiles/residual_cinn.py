"""A flow on the errors of a point forecaster: the cINN design that pays.

Other than the target-trained flow it learns what its forecaster gets wrong, from forecasts of
windows the forecaster was not trained on, and samples its latent prior instead of disturbing one
latent point.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import State
from autopq.forecasters.scaling import SeriesScale
from autopq.quantiles.base import NeedsPoint
from autopq.quantiles.conditions import ConditionEncoder, default_history
from autopq.quantiles.error_scale import fit_error_scale
from autopq.quantiles.flow import FlowSettings
from autopq.quantiles.flow_model import Draws, FlowModel
from autopq.quantiles.flow_training import FlowFit, TrainingSettings, train_flow
from autopq.quantiles.latent import LatentDraws
from autopq.quantiles.states import nested, unnested
from autopq.training import described

# Errors this many mean errors away train the flow no more than this: likelihood weighs them by
# their square, and one broken sensor would own the fit.
_CLIP = 10.0


@dataclass(frozen=True)
class _Fitted:
    flows: tuple[FlowFit, ...]  # one a seed
    encoder: ConditionEncoder
    error_scale: SeriesScale
    step_scale: Floats  # [H] error size of each step, relative to the series' error size

    def size(self, windows: Windows) -> Floats:
        """[n, H] error size of each window's steps, in units of the target."""
        _, scale = self.error_scale.of(windows.panel)
        size: Floats = scale[windows.series][:, None] * self.step_scale
        return size


class ResidualCINN(FlowModel):
    """Point forecast plus an error drawn from a flow given history, covariates, calendar and the
    forecast itself.

    `seeds` flows are pooled. `recentring` moves each window's mean error by that share towards
    zero: half is insurance against a mean error that drifts after training.
    """

    name = "cinn_residual"
    needs_point: ClassVar[NeedsPoint] = "out_of_fold"
    spread_range = (0.4, 2.0)

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._fit: _Fitted | None = None

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            "training_method": "backprop",
            "training_options": {},
            "training_ranks": 1,
            "spread": 1.0,
            "paths": 512,
            "seeds": 3,
            "recentring": 0.5,
            "history": None,
            "blocks": 6,
            "hidden": 32,
            "condition_hidden": 48,
            "embedding": 16,
            "clamp": 1.0,
            "dropout": 0.2,
            "condition_noise": 0.05,
            "max_epochs": 25,
            "batch_size": 256,
            "learning_rate": 2e-3,
            "weight_decay": 1e-4,
            "patience": 6,
        }

    def fit(
        self,
        train: Windows,
        train_points: Floats | None,
        validation: Windows,
        validation_points: Floats | None,
        context: FitContext,
    ) -> None:
        if train_points is None:
            raise ValueError("cinn_residual needs out-of-fold point forecasts of its windows")
        errors = train.target() - train_points
        scale = SeriesScale.fit(train)
        error_scale = fit_error_scale(scale, train, errors)
        sizes = error_scale.of(train.panel)[1][train.series][:, None]
        step_scale = np.maximum(np.sqrt(np.mean((errors / sizes) ** 2, axis=0)), 1e-6)
        encoder = ConditionEncoder.fit(
            train,
            scale=scale,
            history=self.params["history"] or default_history(train),
            with_points=True,
        )
        fitted = _Fitted((), encoder, error_scale, step_scale)
        data = _tensors(fitted, train, train_points)
        held_out = None
        if len(validation) and validation_points is not None:
            held_out = _tensors(fitted, validation, validation_points)
        flows = tuple(
            train_flow(
                self._flow_settings(train.horizon, data[1].shape[1]),
                self._training_settings(seed, refit=held_out is None),
                data,
                held_out,
                context,
                f"quantiles/residual_flow/{seed}",
            )
            for seed in range(int(self.params["seeds"]))
        )
        self._fit = _Fitted(flows, encoder, error_scale, step_scale)

    def draws(
        self, windows: Windows, points: Floats | None, paths: int, rng: np.random.Generator
    ) -> Draws:
        if points is None:
            raise ValueError("this model needs point forecasts")
        fitted = self._fitted
        condition = fitted.encoder.encode(windows, points)
        shares = np.diff(np.linspace(0, paths, len(fitted.flows) + 1).astype(np.int64))
        parts = tuple(
            LatentDraws.prepare(fit.flow, condition, None, "prior", int(share), rng)
            for fit, share in zip(fitted.flows, shares, strict=True)
            if share
        )
        return Draws(parts, points, fitted.size(windows), float(self.params["recentring"]))

    def state(self) -> State:
        fitted = self._fitted
        parts = {f"flow{seed}": fit.to_state() for seed, fit in enumerate(fitted.flows)}
        parts["encoder"] = fitted.encoder.to_state()
        parts["error_scale"] = fitted.error_scale.to_state()
        parts["steps"] = State({"scale": fitted.step_scale})
        state = nested(parts)
        return State(state.arrays, {**state.meta, "params": self.params, "spread": self.spread})

    @classmethod
    def from_state(cls, state: State) -> Self:
        model = cls(**state.meta["params"])
        model.spread = state.meta["spread"]
        parts = unnested(state)
        model._fit = _Fitted(
            tuple(
                FlowFit.from_state(parts[f"flow{seed}"]) for seed in range(model.params["seeds"])
            ),
            ConditionEncoder.from_state(parts["encoder"]),
            SeriesScale.from_state(parts["error_scale"]),
            parts["steps"].arrays["scale"],
        )
        return model

    def describe(self) -> dict[str, Any]:
        if self._fit is None:
            return {}
        flows = self._fit.flows
        return {
            "flows": [fit.describe() for fit in flows],
            "training": described(fit.training for fit in flows),
        }

    def _flow_settings(self, horizon: int, condition_size: int) -> FlowSettings:
        names = (
            "blocks",
            "hidden",
            "condition_hidden",
            "embedding",
            "clamp",
            "dropout",
            "condition_noise",
        )
        sizes = {name: self.params[name] for name in names}
        return FlowSettings(dimensions=horizon, condition_size=condition_size, **sizes)

    def _training_settings(self, seed: int, *, refit: bool) -> TrainingSettings:
        epochs = self.params["max_epochs"]
        if refit and self._fit is not None:
            epochs = self._fit.flows[seed].best_epoch
        return TrainingSettings.of(self.params | {"max_epochs": epochs})

    @property
    def _fitted(self) -> _Fitted:
        if self._fit is None:
            raise RuntimeError("fit the model first")
        return self._fit


def _tensors(
    fitted: _Fitted, windows: Windows, points: Floats
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled errors [n, H] and conditions [n, C]."""
    errors = (windows.target() - points) / fitted.size(windows)
    errors = np.clip(errors, -_CLIP, _CLIP).astype(np.float32)
    return torch.from_numpy(errors), fitted.encoder.encode(windows, points)
