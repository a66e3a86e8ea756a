"""`FittedModel`: the winner of a fit, ready to forecast, save and load."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from autopq import artifact
from autopq.context import FitContext
from autopq.data.history import panel_of, panel_state
from autopq.data.panel import Floats, Panel, Windows
from autopq.errors import ArtifactError, InputError, Issue
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.forecast import Fallback, Forecast
from autopq.forecasters import registry as forecasters
from autopq.forecasters.base import PointForecaster
from autopq.members import (
    Member,
    averaged,
    clip,
    dense_quantiles,
    with_marginals,
    within_limits,
)
from autopq.observer import SilentObserver
from autopq.quantiles import registry as quantile_models
from autopq.quantiles.base import interruptible
from autopq.quantiles.conformal import ConformalIntervals
from autopq.quantiles.recent_errors import PastErrors, RecentErrorCorrection
from autopq.situation import asked_for, situation, unusable
from autopq.state import State
from autopq.task import TaskConfig

Singles = npt.NDArray[np.float32]

DEFAULT_PATHS = 200


@dataclass
class FittedModel:
    """One member or a weighted few, with the end of the data they were fitted on; where it pays, a
    correction by the model's own latest errors, and then conformal intervals where asked for."""

    config: TaskConfig
    members: tuple[Member, ...]  # weights sum to 1, the largest first
    history: Panel
    fallback: Member | None = None  # answers where the members cannot
    correction: RecentErrorCorrection | None = None
    conformal: ConformalIntervals | None = None

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
        with an empty target. Where what was sent says too little of a series, or the model's
        answer is not finite, the fallback answers and the forecast says so.

        Raises InputError for rows that do not fit the task or missing future covariates.
        """
        corrected = self.correction is not None
        panel, items = situation(self.config, self.history, history, future, corrected=corrected)
        windows, steps = asked_for(self.config, panel, items)
        # The end of the training data is what the members were made for.
        reasons = unusable(windows)
        if history is None:
            reasons = [None for _ in reasons]
        quantiles, drawn, fallbacks = self._answer(windows, reasons, paths)
        return Forecast(
            target=self.config.target,
            item_ids=items,
            timestamps=panel.time[windows.steps[:, :steps]],
            timezone=panel.timezone,
            levels=DENSE_LEVELS,
            quantiles=quantiles[:, :steps],
            paths=drawn[:, :, :steps],
            fallbacks=fallbacks,
        )

    def _answer(
        self, windows: Windows, reasons: list[str | None], paths: int
    ) -> tuple[Floats, Singles, tuple[Fallback, ...]]:
        """Quantiles [n, H, Q] and paths [n, S, H] of one window a series, by the fallback where
        there is a reason not to ask the members."""
        quantiles = np.full((len(windows), windows.horizon, len(DENSE_LEVELS)), np.nan)
        drawn = np.empty((len(windows), paths, windows.horizon), np.float32)
        asked = np.array([reason is None for reason in reasons])
        if asked.any():
            quantiles[asked], drawn[asked] = self.draw(windows.take(asked), paths)
        finite = np.isfinite(quantiles).all(axis=(1, 2)) & np.isfinite(drawn).all(axis=(1, 2))
        if finite.all():
            return quantiles, drawn, ()
        failed = windows.take(~finite)
        items = [windows.panel.item_ids[s] for s in failed.series]
        why = [
            reason or "the model's answer is not finite"
            for reason, fine in zip(reasons, finite, strict=True)
            if not fine
        ]
        member = self._stand_in(items, why)
        usual = member.points(failed, self.config)
        quantiles[~finite] = dense_quantiles(
            member.quantile_model, failed, usual, self.config, self._rng()
        )
        samples = member.quantile_model.sample(failed, usual, paths, self._rng())
        drawn[~finite] = clip(samples, self.config)
        name = member.forecaster.name if member.forecaster else member.quantile_model.name
        fallbacks = [Fallback(item, name, reason) for item, reason in zip(items, why, strict=True)]
        return quantiles, drawn, tuple(fallbacks)

    def _stand_in(self, items: list[str], why: list[str]) -> Member:
        if self.fallback is not None:
            return self.fallback
        raise InputError(
            [
                Issue(
                    self.config.target,
                    f"series '{item}' cannot be forecast: {reason}.",
                    "Send a longer history, or train again to have a fallback.",
                )
                for item, reason in zip(items, why, strict=True)
            ]
        )

    def quantiles(self, windows: Windows) -> Floats:
        """[n, H, Q] quantiles on `evaluation.grid.DENSE_LEVELS` for any windows, as a backtest
        needs them."""
        return self._calibrated(windows, self._plain(windows))

    def interruptible(self, check_stop: Callable[[], None]) -> AbstractContextManager[None]:
        """Let `check_stop`, which raises where the caller would have an end, be asked while many
        windows are forecast."""
        return interruptible([member.quantile_model for member in self.members], check_stop)

    def draw(self, windows: Windows, paths: int) -> tuple[Floats, Singles]:
        """The same quantiles, and `paths` sample paths [n, S, H] of each window."""
        points = self._points(windows)
        quantiles = self._calibrated(windows, self._quantiles(windows, points))
        return quantiles, self._paths(windows, points, quantiles, paths)

    def _plain(self, windows: Windows) -> Floats:
        return self._quantiles(windows, self._points(windows))

    def _calibrated(self, windows: Windows, quantiles: Floats) -> Floats:
        corrected = self._corrected(windows, quantiles)
        if self.conformal is None:
            return corrected
        return within_limits(self.conformal.applied(corrected), self.config)

    def _corrected(self, windows: Windows, quantiles: Floats) -> Floats:
        """Quantiles after what the latest forecasts before each window got wrong."""
        if self.correction is None:
            return quantiles
        past = PastErrors.look_up(windows, self._plain)
        assert past is not None  # no bound was given
        return within_limits(self.correction.applied(quantiles, past), self.config)

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
        together = averaged(parts, [member.weight for member in self.members])
        return within_limits(together, self.config)

    def _paths(
        self, windows: Windows, points: list[Floats | None], quantiles: Floats, paths: int
    ) -> Singles:
        """The weightiest member's paths; with several members, moved onto the marginals of
        all."""
        drawn = self.members[0].quantile_model.sample(windows, points[0], paths, self._rng())
        moved = self.correction is not None or self.conformal is not None
        if (len(self.members) > 1 or moved) and paths:
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
        fallback = () if self.fallback is None else (self.fallback,)
        for number, member in enumerate((*self.members, *fallback)):
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
        settings = {
            "config": self.config.model_dump(mode="json"),
            "members": members[: len(self.members)],
            "fallback": members[len(self.members) :],
            "correction": self.correction and self.correction.describe(),
            "conformal": self.conformal and self.conformal.describe(),
        }
        artifact.save(directory, components, settings)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; forecasts are bit-identical to those of the saved model.

        Raises ArtifactError for a damaged file or one of another version.
        """
        components, settings = artifact.load(directory)
        try:
            rows = [*settings["members"], *settings.get("fallback", [])]
            fitted: dict[str, PointForecaster] = {
                key: forecasters.load(name).from_state(components[key])
                for key, name in {
                    row["forecaster_component"]: row["forecaster"]
                    for row in rows
                    if row["forecaster"] is not None
                }.items()
            }
            made = [
                Member(
                    fitted.get(row.get("forecaster_component")),
                    quantile_models.load(row["quantile_model"]).from_state(
                        components[row["component"]]
                    ),
                    float(row["weight"]),
                )
                for row in rows
            ]
            count = len(settings["members"])
            config = TaskConfig.model_validate(settings["config"])
            fallback = next(iter(made[count:]), None)
            given = settings.get("correction")
            correction = RecentErrorCorrection(**given) if given else None
            given = settings.get("conformal") or {}
            conformal = (
                ConformalIntervals(**{k: tuple(v) for k, v in given.items()}) if given else None
            )
            history = panel_of(components["history"])
            return cls(config, tuple(made[:count]), history, fallback, correction, conformal)
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"the model in '{directory.name}' lacks {error}") from error
