"""`nhits`, `tft` and `deepar`: networks that read a stretch of history, trained by any method."""

import math
from abc import abstractmethod
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from autopq.context import FitContext
from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Windows
from autopq.forecasters.base import Arrays, PointForecaster, State, Trial
from autopq.forecasters.networks.deepar import DeepAR
from autopq.forecasters.networks.nhits import NHiTS, NHiTSBlock
from autopq.forecasters.networks.tft import TFT
from autopq.forecasters.sampling import AUTO
from autopq.forecasters.sequences import SequenceBuilder, Sequences
from autopq.training import TrainingCounts, described, train_network
from training_methods import Loss, TensorData, TrainerConfig, create_loss

LOSSES = ("mae", "mse")
_PREDICTION_WINDOWS = 512
_VALIDATION_SHARE = 1 / 3
_LEAST_HISTORY = 8
_LONGEST_HISTORY = 672
_MIN_EPOCHS = 2
_MAX_EPOCHS = 100
# An annealed run improves until late: stop after this share of it without improvement.
_PATIENCE_SHARE = 0.4


class SequenceForecaster(PointForecaster):
    """Base of forecasters with one network over all steps of the horizon.

    `history` are the rows that it reads, by default some of the frequency's shortest seasons.
    `steps` are the optimiser steps, in whole epochs; `max_windows` bounds the training windows.
    """

    training_stage = "forecaster"
    _SEASONS_READ: ClassVar[int] = 2

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            "history": AUTO,
            "learning_rate": 2e-3,
            "weight_decay": 1e-3,
            "batch_size": 64,
            "steps": 800,
            "clip_norm": 1.0,
            "max_windows": 4000,
            "training_method": "backprop",
            "training_options": {},
            "training_ranks": 1,
        }

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-5, 1e-1, log=True),
            "batch_size": trial.suggest_int("batch_size", 32, 128, log=True),
            "steps": trial.suggest_int("steps", 300, 3000, log=True),
        }

    @property
    def training_method(self) -> str | None:
        return str(self.params["training_method"])

    @abstractmethod
    def _network(self, horizon: int) -> nn.Module:
        """The network with weights of no account."""

    @abstractmethod
    def _inputs(self, sequences: Sequences, target: Tensor) -> tuple[Tensor, ...]:
        """What the network is given to train on; `target` [n, H] is relative."""

    @abstractmethod
    def _outputs(self, network: nn.Module, sequences: Sequences) -> Tensor:
        """[n, H] relative point forecasts."""

    @abstractmethod
    def _heads(self, network: nn.Module) -> list[nn.Linear]:
        """Its last layers. They start at zero, so that an untrained network answers with the
        level of the history."""

    def _loss(self) -> Loss:
        return create_loss(self.params["loss"])

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        train = _at_most(train, int(self.params["max_windows"]))
        if validation is not None:
            count = int(self.params["max_windows"] * _VALIDATION_SHARE)
            validation = _at_most(validation, max(1, count))
        self._builder = SequenceBuilder.fit(train, self._rows_read(train.panel.freq))
        self._horizon = train.horizon
        samples = self._samples(train)
        held_out = None if validation is None else self._samples(validation)
        if held_out is not None or not hasattr(self, "_epochs"):
            self._epochs = self._max_epochs(len(samples))
        self._train(samples, held_out, context)

    def _rows_read(self, freq: Frequency) -> int:
        if self.params["history"] != AUTO:
            return int(self.params["history"])
        return min(max(_LEAST_HISTORY, self._SEASONS_READ * freq.season), _LONGEST_HISTORY)

    def _samples(self, windows: Windows) -> TensorData:
        sequences = self._builder.build(windows)
        y = sequences.relative(windows.target())
        return TensorData(self._inputs(sequences, y), y)

    def _max_epochs(self, samples: int) -> int:
        steps_per_epoch = math.ceil(samples / int(self.params["batch_size"]))
        wanted = math.ceil(int(self.params["steps"]) / steps_per_epoch)
        return min(max(wanted, _MIN_EPOCHS), _MAX_EPOCHS)

    def _train(self, samples: TensorData, held_out: TensorData | None, context: FitContext) -> None:
        generator = context.torch_generator(self.name)
        network = self._network(self._horizon)
        cast(Any, network).initialise(generator)
        with torch.no_grad():
            for head in self._heads(network):
                head.weight.zero_()
                head.bias.zero_()
        params = self.params
        config = TrainerConfig(
            max_epochs=self._epochs,
            batch_size=params["batch_size"],
            learning_rate=params["learning_rate"],
            weight_decay=params["weight_decay"],
            optimizer="adamw",
            schedule="cosine",
            patience=math.ceil(self._epochs * _PATIENCE_SHARE),
            clip_norm=params["clip_norm"],
            device=context.device,
        )
        report = train_network(
            network,
            self._loss(),
            train=samples,
            validation=held_out,
            config=config,
            params=params,
            generator=generator,
            context=context,
        )
        self._trained = report.model.cpu()
        self._windows = len(samples)
        self._training = described([TrainingCounts.of(report, params)])
        if held_out is not None:
            self._epochs = report.best_epoch

    def predict(self, windows: Windows) -> Floats:
        forecast = np.empty((len(windows), windows.horizon))
        for first in range(0, len(windows), _PREDICTION_WINDOWS):
            part = slice(first, first + _PREDICTION_WINDOWS)
            sequences = self._builder.build(windows.take(part))
            with torch.inference_mode():
                forecast[part] = sequences.absolute(self._outputs(self._trained, sequences))
        return forecast

    def state(self) -> State:
        builder = self._builder.to_state()
        arrays: Arrays = dict(builder.arrays)
        for key, tensor in self._trained.state_dict().items():
            arrays[f"network.{key}"] = tensor.numpy()
        meta = {
            "inputs": builder.meta,
            "params": self.params,
            "horizon": self._horizon,
            "epochs": self._epochs,
            "windows": self._windows,
            "training": self._training,
        }
        return State(arrays, meta)

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls(**state.meta["params"])
        forecaster._builder = SequenceBuilder.from_state(State(state.arrays, state.meta["inputs"]))
        forecaster._horizon = int(state.meta["horizon"])
        forecaster._epochs = int(state.meta["epochs"])
        forecaster._windows = int(state.meta["windows"])
        forecaster._training = dict(state.meta["training"])
        network = forecaster._network(forecaster._horizon)
        network.load_state_dict(
            {
                key.removeprefix("network."): torch.from_numpy(np.array(array))
                for key, array in state.arrays.items()
                if key.startswith("network.")
            }
        )
        forecaster._trained = network.eval()
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {
            "windows": self._windows,
            "history": self._builder.history,
            "epochs": self._epochs,
            "training": self._training,
        }


class NHiTSForecaster(SequenceForecaster):
    """N-HiTS (Challu et al. 2023) on history and what is known of the horizon."""

    name: ClassVar[str] = "nhits"
    _SEASONS_READ = 7

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {**super().defaults(), "hidden": 128, "layers": 2, "loss": "mae"}

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            **super().search_space(trial),
            "hidden": trial.suggest_int("hidden", 32, 512, log=True),
            "layers": trial.suggest_int("layers", 1, 3),
            "loss": trial.suggest_categorical("loss", list(LOSSES)),
        }

    def _network(self, horizon: int) -> nn.Module:
        history = self._builder.history
        return NHiTS(
            history,
            horizon,
            horizon * self._builder.known,
            poolings=(max(1, history // 12), max(1, history // 48), 1),
            strides=(max(1, horizon // 2), max(1, horizon // 6), 1),
            hidden=self.params["hidden"],
            layers=self.params["layers"],
        )

    def _inputs(self, sequences: Sequences, target: Tensor) -> tuple[Tensor, ...]:
        return sequences.values, sequences.known[:, sequences.values.shape[1] :].flatten(1)

    def _outputs(self, network: nn.Module, sequences: Sequences) -> Tensor:
        output: Tensor = network(*self._inputs(sequences, sequences.values))
        return output

    def _heads(self, network: nn.Module) -> list[nn.Linear]:
        return [
            block.forecast_knots for block in network.modules() if isinstance(block, NHiTSBlock)
        ]


class TFTForecaster(SequenceForecaster):
    """The temporal fusion transformer (Lim et al. 2021)."""

    name: ClassVar[str] = "tft"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {**super().defaults(), "width": 24, "heads": 4, "dropout": 0.1, "loss": "mae"}

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        # Attention needs a width that its heads divide.
        heads = trial.suggest_categorical("heads", [1, 2, 4])
        return {
            **super().search_space(trial),
            "heads": heads,
            "width": heads
            * trial.suggest_int("width_per_head", 8 // heads, 128 // heads, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.3),
            "loss": trial.suggest_categorical("loss", list(LOSSES)),
        }

    def _network(self, horizon: int) -> nn.Module:
        known = self._builder.known
        return TFT(
            self._builder.history,
            horizon,
            1 + known,
            known,
            width=self.params["width"],
            heads=self.params["heads"],
            dropout=self.params["dropout"],
        )

    def _inputs(self, sequences: Sequences, target: Tensor) -> tuple[Tensor, ...]:
        rows = sequences.values.shape[1]
        past = torch.cat([sequences.values.unsqueeze(-1), sequences.known[:, :rows]], dim=-1)
        return past, sequences.known[:, rows:].contiguous()

    def _outputs(self, network: nn.Module, sequences: Sequences) -> Tensor:
        output: Tensor = network(*self._inputs(sequences, sequences.values))
        return output

    def _heads(self, network: nn.Module) -> list[nn.Linear]:
        return [cast(TFT, network).head]


class DeepARForecaster(SequenceForecaster):
    """DeepAR (Salinas et al. 2020), trained on the likelihood of each step given the one before.
    Its point forecast feeds the means back."""

    name: ClassVar[str] = "deepar"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {**super().defaults(), "hidden": 40, "layers": 2}

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            **super().search_space(trial),
            "hidden": trial.suggest_int("hidden", 10, 100, log=True),
            "layers": trial.suggest_int("layers", 1, 3),
        }

    def _loss(self) -> Loss:
        return create_loss("gaussian_nll")

    def _network(self, horizon: int) -> nn.Module:
        return DeepAR(
            horizon,
            self._builder.known,
            hidden=self.params["hidden"],
            layers=self.params["layers"],
        )

    def _inputs(self, sequences: Sequences, target: Tensor) -> tuple[Tensor, ...]:
        before = torch.cat([sequences.values[:, -1:], target[:, :-1]], dim=1)
        return sequences.values, sequences.known, before

    def _outputs(self, network: nn.Module, sequences: Sequences) -> Tensor:
        return cast(DeepAR, network).draw(sequences.values, sequences.known)

    def _heads(self, network: nn.Module) -> list[nn.Linear]:
        return [cast(DeepAR, network).head]


def _at_most(windows: Windows, count: int) -> Windows:
    """At most `count` windows, evenly spaced over all of them in their order."""
    if len(windows) <= count:
        return windows
    return windows.take(np.linspace(0, len(windows) - 1, count).astype(np.int64))
