"""Target-trained flows shared between the models of one run.

Such a flow knows nothing of point forecasts, so one training serves every forecaster and both
kinds of noise.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autopq.data.panel import Windows
from autopq.quantiles.conditions import ConditionEncoder
from autopq.quantiles.flow_training import FlowFit


@dataclass(frozen=True)
class TargetFlow:
    """A flow trained on scaled target windows, and how it sees a forecast situation."""

    fit: FlowFit
    encoder: ConditionEncoder


class FlowCache:
    """Trained flows by what they were trained on. Handed to models by `QuantileModel.use`."""

    def __init__(self) -> None:
        self._flows: dict[str, TargetFlow] = {}
        self.used: str | None = None  # key of the flow that was last asked for

    def __len__(self) -> int:
        """How many flows were trained."""
        return len(self._flows)

    def get(self, key: str, train: Callable[[], TargetFlow]) -> TargetFlow:
        """The flow stored under `key`, trained now if it is not there yet."""
        self.used = key
        if key not in self._flows:
            self._flows[key] = train()
        return self._flows[key]


def fingerprint(windows: list[Windows], settings: dict[str, Any]) -> str:
    """Digest of everything a target-trained flow depends on; `settings` are plain values."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for part in windows:
        panel = part.panel
        for array in (
            part.series,
            part.origin,
            part.first,
            panel.target,
            panel.covariates,
            panel.time,
        ):
            digest.update(np.ascontiguousarray(array).tobytes())
        named = [part.horizon, panel.item_ids, panel.freq.alias, panel.timezone]
        digest.update(json.dumps(named).encode())
    return digest.hexdigest()
