"""`chronos`: a pretrained model of the Chronos family (Ansari et al. 2024), used as it comes."""

import hashlib
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
import torch
from chronos import BaseChronosPipeline

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.errors import ArtifactError, InputError, Issue
from autopq.forecasters.base import PointForecaster, State
from autopq.forecasters.scaling import SeriesScale

_PREDICTION_WINDOWS = 256


class Chronos(PointForecaster):
    """The median of a Chronos model that reads the last `context` rows of the target alone: no
    covariate, and nothing is trained.

    `model` is a folder, or a name in the local Hugging Face cache; nothing is ever downloaded. The
    weights stay where they are: a saved model remembers their fingerprint, and forecasts with no
    others.
    """

    name: ClassVar[str] = "chronos"

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {"model": "amazon/chronos-bolt-small", "context": 512}

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        self._scale = SeriesScale.fit(train)
        self._fingerprint = _loaded(self.params["model"])[1]

    def predict(self, windows: Windows) -> Floats:
        pipeline, fingerprint = _loaded(self.params["model"])
        if fingerprint != self._fingerprint:
            raise ArtifactError(
                f"the weights of '{self.params['model']}' are not those the model was made with"
            )
        forecast = np.empty((len(windows), windows.horizon))
        center = self._scale.of(windows.panel)[0][windows.series][:, None]
        for first in range(0, len(windows), _PREDICTION_WINDOWS):
            part = slice(first, first + _PREDICTION_WINDOWS)
            mine = windows.take(part)
            history = mine.history(int(self.params["context"]))
            history = np.where(np.isfinite(history), history, center[part])
            ahead = np.broadcast_to(mine.ahead, (len(mine), windows.horizon))
            quantiles, _ = pipeline.predict_quantiles(
                torch.from_numpy(history.astype(np.float32)),
                prediction_length=int(ahead.max()) + 1,
                quantile_levels=[0.5],
            )
            found = quantiles[..., 0].numpy().astype(np.float64)
            forecast[part] = np.take_along_axis(found, ahead, axis=1)
        return forecast

    def state(self) -> State:
        scale = self._scale.to_state()
        meta = {**scale.meta, "params": self.params, "fingerprint": self._fingerprint}
        return State(scale.arrays, meta)

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls(**state.meta["params"])
        forecaster._scale = SeriesScale.from_state(state)
        forecaster._fingerprint = str(state.meta["fingerprint"])
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {"model": self.params["model"], "weights_sha256": self._fingerprint}


@cache
def _loaded(model: str) -> tuple[Any, str]:
    """The model and the fingerprint of its weights. Raises InputError when they are not on this
    machine."""
    try:
        pipeline = BaseChronosPipeline.from_pretrained(
            model, device_map="cpu", local_files_only=True, use_safetensors=True
        )
    except OSError as error:
        raise InputError(
            Issue(
                "forecasters",
                f"the weights of '{model}' are not on this machine.",
                f"Fetch them with `hf download {model}`, or leave 'chronos' out.",
            )
        ) from error
    digest = hashlib.sha256()
    for name, tensor in sorted(pipeline.inner_model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    return pipeline, digest.hexdigest()
