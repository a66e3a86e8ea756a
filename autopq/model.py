"""`FittedModel`: the winner of a fit, ready to forecast, save and load."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch

from autopq import artifact
from autopq.context import FitContext
from autopq.data.history import panel_of, panel_state
from autopq.data.panel import Floats, Panel, Windows
from autopq.errors import ArtifactError
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.forecast import Forecast
from autopq.forecasters import registry as forecasters
from autopq.forecasters.base import PointForecaster
from autopq.observer import SilentObserver
from autopq.quantiles import registry as quantile_models
from autopq.quantiles.base import QuantileModel
from autopq.search.candidates import predict
from autopq.search.points import clip
from autopq.situation import situation
from autopq.task import TaskConfig

DEFAULT_PATHS = 200


@dataclass
class FittedModel:
    """A point forecaster and a quantile model with the end of the data they were fitted on."""

    config: TaskConfig
    forecaster: PointForecaster
    quantile_model: QuantileModel
    history: Panel

    def predict(
        self,
        history: pd.DataFrame | None = None,
        future: pd.DataFrame | None = None,
        *,
        paths: int = DEFAULT_PATHS,
    ) -> Forecast:
        """Forecast the `horizon` steps after the last known row of each series.

        `history`, in the layout of the training table, brings newer rows (or others: the end of
        what is sent is the present); without it the training data's end is the present. `future`
        holds the known covariates of the steps to forecast; they may as well stand in `history`,
        with an empty target.

        Raises InputError for rows that do not fit the task or missing future covariates.
        """
        panel, items = self.panel(history, future)
        rows = np.array([panel.item_ids.index(item) for item in items], np.int64)
        windows = Windows(panel, rows, panel.lengths[rows], self.config.horizon)
        points = self.points(windows)
        context = self._context()
        drawn = self.quantile_model.sample(windows, points, paths, context.generator("paths"))
        return Forecast(
            target=self.config.target,
            item_ids=items,
            timestamps=panel.time[windows.steps],
            timezone=panel.timezone,
            levels=DENSE_LEVELS,
            quantiles=predict(self.quantile_model, windows, points, self.config, context),
            paths=clip(drawn, self.config).astype(np.float32),
        )

    def panel(
        self, history: pd.DataFrame | None, future: pd.DataFrame | None
    ) -> tuple[Panel, tuple[str, ...]]:
        """The panel to forecast on, all of the model's series in its own order, and the series
        that were asked for."""
        return situation(self.config, self.history, history, future)

    def points(self, windows: Windows) -> Floats:
        """[n, H] point forecasts inside the physical limits."""
        return clip(self.forecaster.predict(windows), self.config)

    def quantiles(self, windows: Windows) -> Floats:
        """[n, H, Q] quantiles on `evaluation.grid.DENSE_LEVELS` for any windows, as a backtest
        needs them."""
        return predict(
            self.quantile_model, windows, self.points(windows), self.config, self._context()
        )

    def save(self, directory: Path) -> None:
        """Write to `directory`, which must not exist yet."""
        components = {
            "forecaster": self.forecaster.state(),
            "quantile_model": self.quantile_model.state(),
            "history": panel_state(self.history),
        }
        settings = {
            "config": self.config.model_dump(mode="json"),
            "forecaster": self.forecaster.name,
            "quantile_model": self.quantile_model.name,
        }
        artifact.save(directory, components, settings)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; forecasts are bit-identical to those of the saved model.

        Raises ArtifactError for a damaged file or one of another version.
        """
        components, settings = artifact.load(directory)
        try:
            return cls(
                config=TaskConfig.model_validate(settings["config"]),
                forecaster=forecasters.load(settings["forecaster"]).from_state(
                    components["forecaster"]
                ),
                quantile_model=quantile_models.load(settings["quantile_model"]).from_state(
                    components["quantile_model"]
                ),
                history=panel_of(components["history"]),
            )
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"the model in '{directory.name}' lacks {error}") from error

    def _context(self) -> FitContext:
        return FitContext(self.config.seed, SilentObserver(), torch.device("cpu"))
