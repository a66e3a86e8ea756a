"""`mlp_quantile`: a small network with one output a quantile level."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.errors import Stopped
from autopq.evaluation.grid import monotone
from autopq.forecasters.base import State
from autopq.forecasters.features import FeatureBuilder
from autopq.quantiles.direct.base import DirectQuantiles, levels_of
from autopq.quantiles.direct.boosting import labelled_rows
from autopq.quantiles.direct.network import quantile_mlp
from autopq.quantiles.direct.representation import AUTO, Representation
from autopq.quantiles.states import nested, unnested
from training_methods import (
    FitReport,
    TensorData,
    Trainer,
    TrainerConfig,
    TrainingStopped,
    create_loss,
    create_method,
)

# Standardised inputs beyond this say no more than "extreme", but could carry a network anywhere.
_CLIP = 6.0
_PREDICT_ROWS = 65_536

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Standard:
    """Centers and spreads of the features and of the relative target."""

    center: Floats  # [K]
    spread: Floats  # [K]
    target: Floats  # [2] center and spread

    @classmethod
    def fit(cls, x: Singles, y: Floats) -> Self:
        known = np.isfinite(x)
        count = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, x, 0.0).sum(axis=0, dtype=np.float64) / count
        deviation = np.where(known, x - center, 0.0)
        spread = np.sqrt((deviation**2).sum(axis=0) / count)
        spread = np.where(spread > 1e-9 * (1 + np.abs(center)), spread, 1.0)
        target = np.std(y) or 1.0
        return cls(center, spread, np.array([np.mean(y), target]))

    def inputs(self, x: Singles) -> Tensor:
        """Standardised and clipped; what is unknown becomes the center."""
        scaled = np.clip((x - self.center) / self.spread, -_CLIP, _CLIP)
        return torch.from_numpy(np.nan_to_num(scaled, nan=0.0).astype(np.float32))

    def labels(self, y: Floats) -> Tensor:
        return torch.from_numpy(((y - self.target[0]) / self.target[1]).astype(np.float32))

    def to_state(self) -> State:
        return State(dict(vars(self)))

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls(**state.arrays)


class MLPQuantiles(DirectQuantiles):
    """A row-wise multilayer perceptron on the features of the boosted trees, trained by pinball
    loss on all levels at once; the quantiles of `seeds` networks are averaged.

    `level_offset` and `day_of_year` are chosen on the validation windows when they are "auto",
    by quick fits of boosted trees on `choice_rows` rows. `max_rows` bounds the training rows
    (windows x horizon): origins are thinned evenly beyond.
    """

    name = "mlp_quantile"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            "training_method": "backprop",
            "levels": (0.01, 0.03, 0.07, 0.15, 0.25, 0.37, 0.5, 0.63, 0.75, 0.85, 0.93, 0.97, 0.99),
            "level_offset": AUTO,
            "day_of_year": AUTO,
            "seeds": 2,
            "hidden": 128,
            "layers": 2,
            "dropout": 0.15,
            "learning_rate": 1e-3,
            "schedule": "halve",
            "weight_decay": 1e-2,
            "batch_size": 512,
            "max_epochs": 20,
            "patience": 5,
            "max_rows": 40_000,
            "choice_rows": 12_000,
        }

    @property
    def training_method(self) -> str | None:
        method: str = self.params["training_method"]
        return method

    @property
    def levels(self) -> Floats:
        return levels_of(self.params)

    def fit_regression(self, train: Windows, validation: Windows, context: FitContext) -> None:
        self._representation = Representation.choose(train, validation, self.params, context)
        epochs = [int(self.params["max_epochs"])] * int(self.params["seeds"])
        self._epochs = self._train(train, validation, epochs, context)

    def refit_regression(self, train: Windows, context: FitContext) -> None:
        if not hasattr(self, "_epochs"):
            raise RuntimeError("fit with validation windows first")
        self._train(train, None, self._epochs, context)

    def predict_grid(self, windows: Windows) -> Floats:
        rows = self._builder.build(windows)
        inputs = self._standard.inputs(rows.x)
        center, spread = self._standard.target
        found: Floats = np.zeros((len(inputs), len(self.levels)))
        for network in self._networks:
            device = next(network.parameters()).device
            with torch.inference_mode():
                parts = [
                    network(part.to(device)).cpu() for part in torch.split(inputs, _PREDICT_ROWS)
                ]
            # Each network's quantiles in order first: an average of crossed ones is blurred.
            found += monotone(torch.cat(parts).numpy().astype(np.float64)) / len(self._networks)
        relative = found * spread + center
        return np.stack([rows.absolute(column) for column in relative.T], axis=-1)

    def regression_state(self) -> State:
        parts = {"features": self._builder.to_state(), "standard": self._standard.to_state()}
        for seed, network in enumerate(self._networks):
            weights = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
            parts[f"network{seed}"] = State(weights)
        state = nested(parts)
        fitted = {
            "representation": vars(self._representation),
            "epochs": self._epochs,
            "rows": self._rows,
        }
        return State(state.arrays, {**state.meta, **fitted})

    def restore_regression(self, state: State) -> None:
        parts = unnested(state)
        self._builder = FeatureBuilder.from_state(parts["features"])
        self._standard = _Standard.from_state(parts["standard"])
        self._representation = Representation(**state.meta["representation"])
        self._epochs = list(state.meta["epochs"])
        self._rows = int(state.meta["rows"])
        self._networks = []
        for seed in range(int(self.params["seeds"])):
            network = self._network(torch.Generator())
            weights = parts[f"network{seed}"].arrays
            network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.items()})
            self._networks.append(network.eval())

    def describe(self) -> dict[str, Any]:
        if not hasattr(self, "_networks"):
            return {}
        return {
            "rows": self._rows,
            "features": len(self._builder.names),
            "epochs": self._epochs,
            "parameters": sum(p.numel() for p in self._networks[0].parameters()),
            **vars(self._representation),
        }

    def _train(
        self,
        train: Windows,
        validation: Windows | None,
        epochs: list[int],
        context: FitContext,
    ) -> list[int]:
        """Train all networks; the best epoch of each."""
        budget = int(self.params["max_rows"])
        self._builder = self._representation.builder(train)
        x, y = labelled_rows(self._builder, train, budget)
        self._standard, self._rows = _Standard.fit(x, y), len(y)
        data = self._tensors(x, y)
        held_out = None
        if validation is not None:
            held_out = self._tensors(*labelled_rows(self._builder, validation, max(1, budget // 4)))
        reports = [
            self._train_one(data, held_out, limit, context, f"{self.name}/{seed}")
            for seed, limit in enumerate(epochs)
        ]
        self._networks = [report.model for report in reports]
        return [report.best_epoch for report in reports]

    def _train_one(
        self,
        data: TensorData,
        held_out: TensorData | None,
        epochs: int,
        context: FitContext,
        label: str,
    ) -> FitReport:
        generator = context.torch_generator(label)
        config = TrainerConfig(
            max_epochs=epochs,
            batch_size=int(self.params["batch_size"]),
            learning_rate=float(self.params["learning_rate"]),
            weight_decay=float(self.params["weight_decay"]),
            optimizer="adamw",
            schedule=self.params["schedule"],
            patience=int(self.params["patience"]) if held_out is not None else None,
            clip_norm=1.0,
            device=context.device,
        )
        trainer = Trainer(config, generator=generator, should_stop=context.observer.should_stop)
        try:
            return trainer.fit(
                self._network(generator),
                create_loss("pinball", levels=[float(level) for level in self.levels]),
                train=data,
                validation=held_out,
                method=create_method(self.params["training_method"]),
            )
        except TrainingStopped as stopped:
            raise Stopped(str(stopped)) from stopped

    def _network(self, generator: torch.Generator) -> nn.Module:
        return quantile_mlp(
            len(self._builder.names),
            len(self.levels),
            hidden=int(self.params["hidden"]),
            layers=int(self.params["layers"]),
            dropout=float(self.params["dropout"]),
            generator=generator,
        )

    def _tensors(self, x: Singles, y: Floats) -> TensorData:
        return TensorData((self._standard.inputs(x),), self._standard.labels(y))
