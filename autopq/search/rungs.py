"""How a search halves its components, and how wide it is at most. No library is needed to ask."""

import math

from autopq.presets import EFFORTS
from autopq.task import TaskConfig

# Settings of one component that are proposed together. More would be proposed knowing less, fewer
# would leave processes idle.
ROUND = 4


def rungs(components: int, trials: int) -> list[int]:
    """Settings a component is given on each rung; rungs cost about the same."""
    if components == 0 or trials == 0:
        return []
    count = math.ceil(math.log2(components)) + 1
    return [max(1, trials // count // max(1, components >> rung)) for rung in range(count)]


def widest_round(config: TaskConfig) -> int:
    """The most settings that the task's search has to try at a time; 0 without a search."""
    base = EFFORTS[config.preset]
    names = {
        *(config.forecasters or base.forecasters),
        *(config.quantile_models or base.quantile_models),
    }
    components = len(names & set(base.tuned))
    widest = max(
        (
            min(settings, ROUND) * max(1, components >> rung)
            for rung, settings in enumerate(rungs(components, base.tuning_trials))
        ),
        default=0,
    )
    return min(widest, config.trial_workers or widest)
