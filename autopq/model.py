"""`FittedModel`: the winner of a fit, ready to forecast, save and load."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

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
from autopq.members import Member, averaged, clip, dense_quantiles, with_marginals
from autopq.observer import SilentObserver
from autopq.quantiles import registry as quantile_models
from autopq.situation import asked_for, situation
from autopq.state import State
from autopq.task import TaskConfig

DEFAULT_PATHS = 200


@dataclass
class FittedModel:
    """One member or a weighted few, with the end of the data they were fitted on."""

    config: TaskConfig
    members: tuple[Member, ...]  # weights sum to 1, the largest first
    history: Panel

    def predict(
        self,
        history: pd.DataFrame | None = None,
        future: pd.DataFrame | None = None,
        *,
        paths: int = DEFAULT_PATHS,
    ) -> Forecast:
        """Forecast each series' `horizon` steps, `lead_time` steps after its last known row; or
        its delivery day.

        `history`, in the layout of the training table, brings newer rows (or others: the end of
        what is sent is the present); without it the training data's end is the present. `future`
        holds the known covariates of the steps to forecast; they may as well stand in `history`,
        with an empty target.

        Raises InputError for rows that do not fit the task or missing future covariates.
        """
        panel, items = situation(self.config, self.history, history, future)
        windows, steps = asked_for(self.config, panel, items)
        points = self._points(windows)
        quantiles = self._quantiles(windows, points)
        return Forecast(
            target=self.config.target,
            item_ids=items,
            timestamps=panel.time[windows.steps[:, :steps]],
            timezone=panel.timezone,
            levels=DENSE_LEVELS,
            quantiles=quantiles[:, :steps],
            paths=self._paths(windows, points, quantiles, paths)[:, :, :steps],
        )

    def quantiles(self, windows: Windows) -> Floats:
        """[n, H, Q] quantiles on `evaluation.grid.DENSE_LEVELS` for any windows, as a backtest
        needs them."""
        return self._quantiles(windows, self._points(windows))

    def _points(self, windows: Windows) -> list[Floats | None]:
        """Each member's point forecasts; a forecaster that several share works once."""
        made: dict[int, Floats | None] = {}
        for member in self.members:
            key = id(member.forecaster)
            if key not in made:
                made[key] = member.points(windows, self.config)
        return [made[id(member.forecaster)] for member in self.members]

    def _quantiles(self, windows: Windows, points: list[Floats | None]) -> Floats:
        parts = [
            dense_quantiles(member.quantile_model, windows, given, self.config, self._rng())
            for member, given in zip(self.members, points, strict=True)
        ]
        return averaged(parts, [member.weight for member in self.members])

    def _paths(
        self, windows: Windows, points: list[Floats | None], quantiles: Floats, paths: int
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """The weightiest member's paths; with several members, moved onto the marginals of
        all."""
        drawn = self.members[0].quantile_model.sample(windows, points[0], paths, self._rng())
        if len(self.members) > 1 and paths:
            return with_marginals(drawn, quantiles)
        return clip(drawn, self.config).astype(np.float32)

    def _rng(self) -> np.random.Generator:
        context = FitContext(self.config.seed, SilentObserver(), torch.device("cpu"))
        return context.generator("predict")

    def save(self, directory: Path) -> None:
        """Write to `directory`, which must not exist yet."""
        components: dict[str, State] = {"history": panel_state(self.history)}
        members: list[dict[str, Any]] = []
        stored: dict[int, str] = {}  # members may share a forecaster, or have two of one name
        for number, member in enumerate(self.members):
            row: dict[str, Any] = {
                "weight": member.weight,
                "forecaster": None,
                "quantile_model": member.quantile_model.name,
                "component": f"member{number}",
            }
            components[row["component"]] = member.quantile_model.state()
            if (forecaster := member.forecaster) is not None:
                key = stored.setdefault(id(forecaster), f"forecaster{number}")
                row |= {"forecaster": forecaster.name, "forecaster_component": key}
                if key not in components:
                    components[key] = forecaster.state()
            members.append(row)
        settings = {"config": self.config.model_dump(mode="json"), "members": members}
        artifact.save(directory, components, settings)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; forecasts are bit-identical to those of the saved model.

        Raises ArtifactError for a damaged file or one of another version.
        """
        components, settings = artifact.load(directory)
        try:
            fitted: dict[str, PointForecaster] = {
                key: forecasters.load(name).from_state(components[key])
                for key, name in {
                    row["forecaster_component"]: row["forecaster"]
                    for row in settings["members"]
                    if row["forecaster"] is not None
                }.items()
            }
            members = tuple(
                Member(
                    fitted.get(row.get("forecaster_component")),
                    quantile_models.load(row["quantile_model"]).from_state(
                        components[row["component"]]
                    ),
                    float(row["weight"]),
                )
                for row in settings["members"]
            )
            config = TaskConfig.model_validate(settings["config"])
            return cls(config, members, panel_of(components["history"]))
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"the model in '{directory.name}' lacks {error}") from error
