"""`mlp`: a small network on row-wise features, trained by any training method."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
import numpy.typing as npt
import torch

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import Arrays, PointForecaster, State, Trial
from autopq.forecasters.features import FeatureBuilder, Rows
from autopq.forecasters.networks.mlp import MLP
from autopq.forecasters.representation import Representation
from autopq.forecasters.sampling import AUTO, within_budget
from autopq.forecasters.standardizer import Standardizer
from autopq.training import TrainingCounts, described, train_network
from training_methods import FitReport, TensorData, TrainerConfig, create_loss

LOSSES = ("mae", "mse")
_VALIDATION_SHARE = 1 / 3
_PREDICTION_ROWS = 16_384
_MIN_EPOCHS = 3
_MAX_EPOCHS = 100
# An annealed run improves until late: stop after this share of it without improvement.
_PATIENCE_SHARE = 0.4


@dataclass(frozen=True)
class _Inputs:
    """What turns windows into network inputs, fitted on training windows."""

    builder: FeatureBuilder
    standardizer: Standardizer

    @classmethod
    def fit(cls, train: Windows, representation: Representation) -> tuple[Self, TensorData]:
        builder = representation.builder(train)
        rows = builder.build(train)
        inputs = cls(builder, Standardizer.fit(rows.x))
        return inputs, inputs._samples(rows, train)

    def samples(self, windows: Windows) -> TensorData:
        return self._samples(self.builder.build(windows), windows)

    def _samples(self, rows: Rows, windows: Windows) -> TensorData:
        y = rows.relative(windows.target()).reshape(-1, 1).astype(np.float32)
        return TensorData(
            (torch.from_numpy(self.standardizer.transform(rows.x)),), torch.from_numpy(y)
        )


class MLPForecaster(PointForecaster):
    """Mean of `members` equal networks from different starts, one row per step.

    `level_offset` and `unit` are chosen on the validation windows when they are "auto" (see
    `Representation`). `max_rows` bounds the training rows (windows x horizon). `steps` are the
    optimiser steps of one member, in whole epochs: short series are seen more often, long ones at
    no greater cost. `training_method` names a method of `training_methods`, `training_options`
    are its options and `training_ranks` the processes it trains on.
    """

    name: ClassVar[str] = "mlp"
    training_stage = "forecaster"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            "hidden": 128,
            "layers": 2,
            "dropout": 0.2,
            "loss": "mae",
            "level_offset": AUTO,
            "unit": AUTO,
            "learning_rate": 1e-3,
            "weight_decay": 1e-2,
            "batch_size": 512,
            "steps": 900,
            "clip_norm": 1.0,
            "members": 2,
            "max_rows": 90_000,
            "training_method": "backprop",
            "training_options": {},
            "training_ranks": 1,
        }

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "hidden": trial.suggest_int("hidden", 32, 256, log=True),
            "layers": trial.suggest_int("layers", 1, 3),
            "dropout": trial.suggest_float("dropout", 0.0, 0.4),
            "loss": trial.suggest_categorical("loss", list(LOSSES)),
            "learning_rate": trial.suggest_float("learning_rate", 2e-4, 5e-3, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True),
            "batch_size": trial.suggest_int("batch_size", 128, 1024, log=True),
            "steps": trial.suggest_int("steps", 300, 3000, log=True),
        }

    @property
    def training_method(self) -> str | None:
        return str(self.params["training_method"])

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        if validation is None:
            self._refit(train, context)
            return
        self._representation = Representation.settle(
            self.params, train, validation, context, network=True
        )
        train, validation = (
            self._budgeted(train, 1.0),
            self._budgeted(validation, _VALIDATION_SHARE),
        )
        self._inputs, samples = _Inputs.fit(train, self._representation)
        held_out = self._inputs.samples(validation)
        epochs = [self._max_epochs(samples)] * int(self.params["members"])
        self._train_members(samples, held_out, epochs, context)

    def _refit(self, train: Windows, context: FitContext) -> None:
        """Train as long as the previous fit found best; the full length if there was none."""
        first = not hasattr(self, "_epochs")
        if first:
            self._representation = Representation.untuned(self.params)
        self._inputs, samples = _Inputs.fit(self._budgeted(train, 1.0), self._representation)
        if first:
            self._epochs = [self._max_epochs(samples)] * int(self.params["members"])
        self._train_members(samples, None, self._epochs, context)

    def _max_epochs(self, samples: TensorData) -> int:
        """Epochs that make up the steps asked for."""
        steps_per_epoch = math.ceil(len(samples) / int(self.params["batch_size"]))
        wanted = math.ceil(int(self.params["steps"]) / steps_per_epoch)
        return min(max(wanted, _MIN_EPOCHS), _MAX_EPOCHS)

    def _budgeted(self, windows: Windows, share: float) -> Windows:
        return within_budget(windows, int(self.params["max_rows"] * share))

    def _train_members(
        self,
        samples: TensorData,
        held_out: TensorData | None,
        epochs: list[int],
        context: FitContext,
    ) -> None:
        fits = [
            self._train(samples, held_out, count, f"member {i}", context)
            for i, count in enumerate(epochs)
        ]
        self._networks = [network for network, _ in fits]
        self._rows = len(samples)
        self._training = described(TrainingCounts.of(report, self.params) for _, report in fits)
        if held_out is not None:
            self._epochs = [report.best_epoch for _, report in fits]

    def _train(
        self,
        samples: TensorData,
        held_out: TensorData | None,
        epochs: int,
        label: str,
        context: FitContext,
    ) -> tuple[MLP, FitReport]:
        generator = context.torch_generator(f"{self.name} {label}")
        network = self._network(samples.x[0].shape[1])
        network.initialise(generator)
        params = self.params
        config = TrainerConfig(
            max_epochs=epochs,
            batch_size=params["batch_size"],
            learning_rate=params["learning_rate"],
            weight_decay=params["weight_decay"],
            optimizer="adamw",
            schedule="cosine",
            patience=math.ceil(epochs * _PATIENCE_SHARE),
            clip_norm=params["clip_norm"],
            device=context.device,
        )
        report = train_network(
            network,
            create_loss(params["loss"]),
            train=samples,
            validation=held_out,
            config=config,
            params=params,
            generator=generator,
            context=context,
        )
        return cast(MLP, report.model.cpu()), report

    def _network(self, inputs: int) -> MLP:
        params = self.params
        return MLP(
            inputs, 1, hidden=params["hidden"], layers=params["layers"], dropout=params["dropout"]
        )

    def predict(self, windows: Windows) -> Floats:
        rows = self._inputs.builder.build(windows)
        x = torch.from_numpy(self._inputs.standardizer.transform(rows.x))
        outputs = [_outputs(network, x) for network in self._networks]
        return rows.absolute(np.mean(outputs, axis=0, dtype=np.float64))

    def state(self) -> State:
        features = self._inputs.builder.to_state()
        arrays: Arrays = {**features.arrays, **self._inputs.standardizer.to_arrays()}
        for i, network in enumerate(self._networks):
            for key, tensor in network.state_dict().items():
                arrays[f"network.{i}.{key}"] = tensor.numpy()
        meta = {
            "features": features.meta,
            "params": self.params,
            "epochs": self._epochs,
            "rows": self._rows,
            "training": self._training,
        }
        return State(arrays, meta)

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls(**state.meta["params"])
        builder = FeatureBuilder.from_state(State(state.arrays, state.meta["features"]))
        forecaster._inputs = _Inputs(builder, Standardizer.from_arrays(state.arrays))
        forecaster._representation = Representation.of(builder)
        forecaster._epochs = list(state.meta["epochs"])
        forecaster._rows = state.meta["rows"]
        forecaster._training = dict(state.meta["training"])
        forecaster._networks = []
        for i in range(int(forecaster.params["members"])):
            prefix = f"network.{i}."
            network = forecaster._network(len(builder.names))
            network.load_state_dict(
                {
                    key.removeprefix(prefix): torch.from_numpy(np.array(array))
                    for key, array in state.arrays.items()
                    if key.startswith(prefix)
                }
            )
            forecaster._networks.append(network.eval())
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {
            "rows": self._rows,
            "features": len(self._inputs.builder.names),
            "epochs": self._epochs,
            **vars(self._representation),
            "training": self._training,
        }


def _outputs(network: MLP, x: torch.Tensor) -> npt.NDArray[np.float32]:
    """[rows] outputs, in chunks that bound the memory of hidden layers."""
    with torch.inference_mode():
        parts = [network(part)[:, 0] for part in torch.split(x, _PREDICTION_ROWS)]
    return cast(npt.NDArray[np.float32], torch.cat(parts).numpy())
