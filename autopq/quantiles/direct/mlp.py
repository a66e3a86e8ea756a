"""`mlp_quantile`: a small network with one output a quantile level."""

from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import torch

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.evaluation.grid import monotone
from autopq.forecasters.base import State, Trial
from autopq.forecasters.boosting import labelled_rows
from autopq.forecasters.features import FeatureBuilder, Rows
from autopq.forecasters.networks.mlp import MLP
from autopq.forecasters.representation import Representation
from autopq.forecasters.sampling import AUTO, within_budget
from autopq.forecasters.standardizer import Singles, Standardizer
from autopq.quantiles.direct.base import DirectQuantiles, levels_of
from autopq.quantiles.direct.standstill import Standstill
from autopq.quantiles.states import nested, unnested
from autopq.training import TrainingCounts, described, train_network
from training_methods import FitReport, TensorData, TrainerConfig, create_loss

_PREDICT_ROWS = 16_384
# Validation rows, as a share of the training rows: enough to tell epochs apart.
_VALIDATION_SHARE = 0.25


@dataclass(frozen=True)
class _Units:
    """Inputs and targets as the network sees them."""

    inputs: Standardizer
    center: float  # of the relative target
    spread: float

    @classmethod
    def fit(cls, x: Singles, y: Floats) -> Self:
        return cls(Standardizer.fit(x), float(np.mean(y)), float(np.std(y)) or 1.0)

    def samples(self, x: Singles, y: Floats) -> TensorData:
        target = ((y - self.center) / self.spread).astype(np.float32)
        return TensorData((torch.from_numpy(self.inputs.transform(x)),), torch.from_numpy(target))


class MLPQuantiles(DirectQuantiles):
    """A row-wise multilayer perceptron on the features of the boosted trees, trained by pinball
    loss on all levels at once; the quantiles of `seeds` networks are averaged.

    `level_offset`, `unit`, `day_of_year` and `reach` are chosen on the validation windows when
    they are "auto", by quick fits of boosted trees. `max_rows` bounds the training rows
    (windows x horizon): origins are thinned evenly beyond. `training_method` names a method of
    `training_methods`, `training_options` are its options and `training_ranks` the processes it
    trains on.
    """

    name = "mlp_quantile"
    training_stage = "quantile"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            "training_method": "backprop",
            "training_options": {},
            "training_ranks": 1,
            "levels": (0.01, 0.03, 0.07, 0.15, 0.25, 0.37, 0.5, 0.63, 0.75, 0.85, 0.93, 0.97, 0.99),
            "level_offset": AUTO,
            "unit": AUTO,
            "day_of_year": AUTO,
            "reach": AUTO,
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
            "clip_norm": 1.0,
            "max_rows": 40_000,
        }

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "hidden": trial.suggest_int("hidden", 48, 256, log=True),
            "layers": trial.suggest_int("layers", 1, 3),
            "dropout": trial.suggest_float("dropout", 0.05, 0.4),
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-3, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True),
        }

    @property
    def training_method(self) -> str | None:
        method: str = self.params["training_method"]
        return method

    @property
    def levels(self) -> Floats:
        return levels_of(self.params)

    def fit_regression(self, train: Windows, validation: Windows, context: FitContext) -> None:
        self._representation = Representation.settle(
            self.params, train, validation, context, network=True
        )
        epochs = [int(self.params["max_epochs"])] * int(self.params["seeds"])
        self._epochs = self._train(train, validation, epochs, context)

    def refit_regression(self, train: Windows, context: FitContext) -> None:
        if not hasattr(self, "_epochs"):
            raise RuntimeError("fit with validation windows first")
        self._train(train, None, self._epochs, context)

    def predict_grid(self, windows: Windows) -> Floats:
        rows = self._builder.build(windows)
        x = torch.from_numpy(self._units.inputs.transform(self.inputs(rows)))
        total: Floats = np.zeros(())
        with torch.inference_mode():
            for network in self._networks:
                parts = [network(part) for part in torch.split(x, _PREDICT_ROWS)]
                # Each network's quantiles in order first: an average of crossed ones is blurred.
                total = total + monotone(torch.cat(parts).numpy().astype(np.float64))
        found = self.by_row(total / len(self._networks), windows.horizon)
        relative = found * self._units.spread + self._units.center
        absolute = np.stack([rows.absolute(column) for column in relative.T], axis=-1)
        return self._standstill.applied(windows, absolute, self.levels)

    def regression_state(self) -> State:
        target = {"center": self._units.center, "spread": self._units.spread}
        parts = {
            "features": self._builder.to_state(),
            "units": State(self._units.inputs.to_arrays(), target),
            "standstill": self._standstill.to_state(),
        }
        for seed, network in enumerate(self._networks):
            weights = {name: value.numpy() for name, value in network.state_dict().items()}
            parts[f"network{seed}"] = State(weights)
        state = nested(parts)
        fitted = {
            "representation": vars(self._representation),
            "epochs": self._epochs,
            "rows": self._rows,
            "training": self._training,
        }
        return State(state.arrays, {**state.meta, **fitted})

    def restore_regression(self, state: State) -> None:
        parts = unnested(state)
        self._builder = FeatureBuilder.from_state(parts["features"])
        units = parts["units"]
        self._units = _Units(Standardizer.from_arrays(units.arrays), **units.meta)
        self._standstill = Standstill.from_state(parts["standstill"])
        self._representation = Representation(**state.meta["representation"])
        self._epochs = list(state.meta["epochs"])
        self._rows = int(state.meta["rows"])
        self._training = dict(state.meta["training"])
        self._networks = []
        for seed in range(int(self.params["seeds"])):
            network = self._network()
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
            "training": self._training,
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
        self._standstill = Standstill.fit(within_budget(train, budget))
        x, y = self._samples(train, budget)
        self._units, self._rows = _Units.fit(x, y), y.size
        samples, held_out = self._units.samples(x, y), None
        if validation is not None:
            held_out = self._units.samples(
                *self._samples(validation, int(budget * _VALIDATION_SHARE))
            )
        fits: list[tuple[MLP, FitReport]] = []
        for seed, limit in enumerate(epochs):
            label = f"{self.name}/{seed}"
            fits.append(self._train_one(samples, held_out, limit, context, label))
            if held_out is not None:
                context.report(float(np.mean([min(r.validation_losses) for _, r in fits])))
        self._networks = [network for network, _ in fits]
        self._training = described(TrainingCounts.of(report, self.params) for _, report in fits)
        return [report.best_epoch for _, report in fits]

    def _train_one(
        self,
        samples: TensorData,
        held_out: TensorData | None,
        epochs: int,
        context: FitContext,
        label: str,
    ) -> tuple[MLP, FitReport]:
        generator = context.torch_generator(label)
        network = self._network()
        network.initialise(generator)
        config = TrainerConfig(
            max_epochs=epochs,
            batch_size=int(self.params["batch_size"]),
            learning_rate=float(self.params["learning_rate"]),
            weight_decay=float(self.params["weight_decay"]),
            optimizer="adamw",
            schedule=self.params["schedule"],
            patience=int(self.params["patience"]),
            clip_norm=float(self.params["clip_norm"]),
            device=context.device,
        )
        report = train_network(
            network,
            create_loss("pinball", levels=self.levels.tolist()),
            train=samples,
            validation=held_out,
            config=config,
            params=self.params,
            generator=generator,
            context=context,
        )
        return cast(MLP, report.model.cpu()), report

    def inputs(self, rows: Rows) -> Singles:
        """[samples, K] what the network is shown: here a row a sample."""
        return rows.x

    def targets(self, relative: Floats) -> Floats:
        """[samples, ...] the targets [n, H] that belong to the inputs."""
        return relative.ravel()

    def by_row(self, found: Floats, horizon: int) -> Floats:
        """[n * H, L] quantiles of every row from those of the samples."""
        return found

    @property
    def outputs(self) -> int | tuple[int, ...]:
        """What the network answers for a sample."""
        return len(self.levels)

    def _samples(self, windows: Windows, max_rows: int) -> tuple[Singles, Floats]:
        """Inputs and targets of at most `max_rows` rows."""
        rows, relative = labelled_rows(self._builder, windows, max_rows)
        return self.inputs(rows), self.targets(relative)

    def _network(self) -> MLP:
        return MLP(
            len(self._units.inputs.mean),
            self.outputs,
            hidden=int(self.params["hidden"]),
            layers=int(self.params["layers"]),
            dropout=float(self.params["dropout"]),
        )
