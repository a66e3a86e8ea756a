"""The spread of a quantile model, chosen on validation windows by a proper score.

With common random numbers the score is a smooth function of one number, so a Gaussian-process
search needs few evaluations and the same seed always finds the same spread.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import optuna

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.errors import AutoPQError
from autopq.evaluation.grid import PERCENT_LEVELS
from autopq.evaluation.scores import mean_pinball
from autopq.quantiles.base import QuantileModel
from autopq.quantiles.flow_model import Draws, FlowModel
from autopq.search.cost import Workbench

# Where the search starts, as shares of the range on the log scale.
_START = (0.2, 0.4, 0.6, 0.8)
# It ends once this many evaluations brought less than this relative gain.
_PATIENCE = 3
_GAIN = 2e-4
# Windows an evaluation is made on, evenly spaced: plenty for one number.
_WINDOWS = 160


def search_spread(
    model: QuantileModel,
    windows: Windows,
    points: Floats,
    *,
    forecaster: str,
    candidate: str,
    trials: int,
    paths: int,
    context: FitContext,
    bench: Workbench,
    lower: float | None = None,
    upper: float | None = None,
) -> float:
    """Set `model.spread` to the best of at most `trials` spreads; returns its mean pinball loss.

    Every evaluation is a trial of the named `candidate`, on that `forecaster`. All share
    their random numbers, `paths` sample paths a window; samples are clipped to `lower` and `upper`
    before they are scored. Raises AutoPQError when every evaluation failed, TypeError for a model
    without a spread.
    """
    if not isinstance(model, FlowModel):
        raise TypeError(f"'{model.name}' has no spread to search")
    which = np.unique(
        np.linspace(0, len(windows) - 1, min(len(windows), _WINDOWS)).astype(np.int64)
    )
    windows, points = windows.take(which), points[which]
    draws = model.draws(windows, points, paths, context.generator(f"spread/{model.name}"))
    target = windows.target()
    low, high = model.spread_range
    sampler = optuna.samplers.GPSampler(
        seed=int(context.generator("spread/sampler").integers(2**31)), n_startup_trials=len(_START)
    )
    best: list[float] = []  # best score after each evaluation
    with _quiet_optuna():
        study = optuna.create_study(sampler=sampler)
        for share in _START:
            study.enqueue_trial({"spread": low * (high / low) ** share})
        while len(best) < trials and not _settled(best) and not _ended(best, bench):
            proposal = study.ask()
            spread = proposal.suggest_float("spread", low, high, log=True)
            with bench.trial(
                f"{candidate}/spread/{len(best) + 1}",
                {"spread": spread},
                forecaster=forecaster,
                quantile_model=model.name,
                training_method=model.training_method,
            ) as trial:
                trial.score = _score(draws, spread, target, lower, upper)
            failed = trial.error is not None or not np.isfinite(trial.score)
            if failed:
                study.tell(proposal, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(proposal, trial.score)
            best.append(min([*best[-1:], np.inf if failed else trial.score]))
    if not np.isfinite(best[-1]):
        raise AutoPQError(f"no spread of '{model.name}' could be scored; see its trials")
    model.spread = float(study.best_params["spread"])
    return best[-1]


def _settled(best: list[float]) -> bool:
    if len(best) < len(_START) + _PATIENCE:
        return False
    return best[-1 - _PATIENCE] - best[-1] < _GAIN * abs(best[-1])


def _ended(best: list[float], bench: Workbench) -> bool:
    """Whether the budget ends the search, which keeps what it has found."""
    return bool(best) and bool(np.isfinite(best[-1])) and bench.should_stop()


def _score(
    draws: Draws, spread: float, target: Floats, lower: float | None, upper: float | None
) -> float:
    total, windows = 0.0, 0
    for rows in draws.chunks():
        quantiles = draws.quantiles(spread, rows, PERCENT_LEVELS)
        if lower is not None or upper is not None:
            quantiles = np.clip(quantiles, lower, upper)
        total += mean_pinball(target[rows], quantiles, PERCENT_LEVELS) * len(quantiles)
        windows += len(quantiles)
    return total / windows


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """The library never prints: Optuna's log lines are held back while it searches."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
