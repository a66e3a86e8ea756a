"""One row per candidate that was tried, with what it scored and what it took."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """A candidate: a quantile model on a point forecaster (None where it needs none), or the
    ensemble of several.

    Scores are per-value means in the target's units where they have units (see
    `evaluation.scores`); the rows are ranked by `validation["mean_pinball"]`. `seconds` and
    `energy_wh` are what this candidate alone would have taken: its point forecaster, its quantile
    model and the search of its spread. Parts it shares with others count in each.

    Parameters and bytes are sums over the networks of the row, None where it has none:
    `trainable_parameters` could still change at the end of training, `stored_parameters` were
    kept then, `dense_parameters` make up the networks that came of it, and `bytes_sent` are those
    of one rank where several trained together.
    """

    rank: int
    name: str  # says the training method where the task compares several
    forecaster: str | None
    quantile_model: str
    training_method: str | None
    reference: bool  # a simple row that always runs, for comparison
    validation: Mapping[str, float]
    test: Mapping[str, float]  # empty when nothing was held out
    seconds: float
    energy_wh: float
    spread: float | None = None
    error: str | None = None
    not_recommended: str | None = None  # why, where the task's `min_coverage` is missed
    trainable_parameters: int | None = None
    stored_parameters: int | None = None
    dense_parameters: int | None = None
    bytes_sent: int | None = None
    chosen: bool = False  # the one that became the model
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
