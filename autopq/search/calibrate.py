"""Calibrating the winner: by the errors of its own latest forecasts, and by what its intervals held
on validation."""

from collections.abc import Callable

from autopq.context import FitContext
from autopq.data.panel import Floats, Windows
from autopq.data.splits import Splits
from autopq.members import within_limits
from autopq.quantiles.conformal import ConformalIntervals
from autopq.quantiles.recent_errors import PastErrors, RecentErrorCorrection
from autopq.search.candidates import Candidate, Scored, scored
from autopq.search.ensemble import Ensemble
from autopq.task import TaskConfig

# Forecasts to look up, as a multiple of those that are scored. Where origins lie far apart, each
# would need its own, and calibrating would take longer than everything before it.
_MOST_LOOKED_UP = 3


def calibrate(
    winner: Candidate | Ensemble,
    forecast: Callable[[Windows], Floats],
    splits: Splits,
    config: TaskConfig,
) -> RecentErrorCorrection | None:
    """The correction that pays on validation, if one does; the winner's scores are then those of
    its corrected forecasts. `forecast` gives the winner's quantiles [n, H, Q] on the dense grid;
    only errors of forecasts issued after training count."""

    def past(windows: Windows) -> PastErrors | None:
        most = _MOST_LOOKED_UP * max(len(splits.validation), len(windows))
        return PastErrors.look_up(windows, forecast, first=splits.i_val, most=most)

    before = past(splits.validation)
    if before is None or winner.validation is None:
        return None
    truth = splits.validation.target()
    correction = RecentErrorCorrection.fit(truth, winner.validation.quantiles, before)
    if correction is None:
        return None

    def corrected(windows: Windows, was: Scored, errors: PastErrors) -> Scored:
        return scored(windows, within_limits(correction.applied(was.quantiles, errors), config))

    if winner.test is not None:
        before_test = past(splits.test)
        if before_test is None:
            return None
        winner.test = corrected(splits.test, winner.test, before_test)
    winner.validation = corrected(splits.validation, winner.validation, before)
    winner.correction = correction
    return correction


def conform(
    winner: Candidate | Ensemble, splits: Splits, config: TaskConfig, context: FitContext
) -> ConformalIntervals | None:
    """Intervals after what those of the winner held on validation; its scores are then those of
    its calibrated forecasts. None where too few validation windows are known to tell."""
    if winner.validation is None:
        return None
    truth = splits.validation.target()
    rng = context.generator("conformal")
    found = ConformalIntervals.fit(truth, winner.validation.quantiles, rng)
    if found is None:
        return None

    def calibrated(windows: Windows, was: Scored) -> Scored:
        return scored(windows, within_limits(found.applied(was.quantiles), config))

    winner.validation = calibrated(splits.validation, winner.validation)
    if winner.test is not None:
        winner.test = calibrated(splits.test, winner.test)
    winner.conformal = found
    return found
