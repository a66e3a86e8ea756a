"""`ets`: exponential smoothing, its form chosen for each series (Hyndman and Khandakar 2008).

statsmodels estimates the smoothing parameters on the end of the training rows. A forecast runs
the smoothing over the rows before its own origin, for all windows at once; its first states come
from the first of those rows, so that nothing from the origin on has a part in it.
"""

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, ClassVar, Self

import numpy as np
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from autopq.context import FitContext
from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Ints, Windows
from autopq.forecasters.base import PointForecaster, State, Trial
from autopq.forecasters.sampling import AUTO
from autopq.forecasters.scaling import SeriesScale, known_rows

ERRORS = ("add", "mul")
SEASONALS = ("none", "add", "mul")
_MIN_ROWS = 12
_MIN_SEASONS = 3
_LEAST_LOOKBACK = 60
# A multiplicative form is tried on series that stay this far from zero, in spreads.
_POSITIVE = 0.05


@dataclass(frozen=True)
class Smoothing:
    """The form and parameters of one series; equations as in statsmodels' `ETSModel`."""

    season: int = 1
    seasonal: str = "none"
    damped: bool = False  # whether there is a trend, always a damped additive one
    alpha: float = 0.5
    beta: float = 0.0
    gamma: float = 0.0
    phi: float = 1.0

    def start(self, history: Floats) -> tuple[Floats, Floats, Floats]:
        """Level [n], trend [n] and season [n, m] before the first of the rows [n, L], from the
        first half of its whole seasons and a straight line through their means."""
        n, m = len(history), self.period
        cycles = max(1, (history.shape[1] // m) // 2)
        first = history[:, : cycles * m].reshape(n, cycles, m)
        means = first.mean(axis=2)
        slope = (means[:, -1] - means[:, 0]) / max(1, (cycles - 1) * m)
        within = np.arange(m) - (m - 1) / 2
        line = means[..., None] + slope[:, None, None] * within
        level = means[:, 0] + slope * (within[0] - 1)
        trend = slope if self.damped else np.zeros(n)
        if self.seasonal == "none":
            return level, trend, np.zeros((n, 1))
        pattern = first / _away_from_zero(line) if self.seasonal == "mul" else first - line
        return level, trend, pattern.mean(axis=1)

    @property
    def period(self) -> int:
        return 1 if self.seasonal == "none" else self.season

    def forecast(self, history: Floats, horizon: int) -> Floats:
        """[n, horizon] continuations of [n, L] histories without gaps."""
        m, multiplied = self.period, self.seasonal == "mul"
        level, trend, season = self.start(history)
        share = self.beta / self.alpha if self.alpha > 0 else 0.0
        renewed = self.gamma / (1 - self.alpha) if self.alpha < 1 else 0.0
        for t, y in enumerate(history.T):
            s = season[:, t % m]
            base = level + self.phi * trend
            clean = y / _away_from_zero(s) if multiplied else y - s
            before, level = level, self.alpha * clean + (1 - self.alpha) * base
            trend = share * (level - before) + (1 - share) * self.phi * trend
            found = y / _away_from_zero(level) if multiplied else y - level
            season[:, t % m] = renewed * found + (1 - renewed) * s
        ahead = np.arange(1, horizon + 1)
        damping = np.cumsum(self.phi**ahead) if self.damped else np.zeros(horizon)
        base = level[:, None] + damping * trend[:, None]
        pattern = season[:, (history.shape[1] + ahead - 1) % m]
        forecast: Floats = base * pattern if multiplied else base + pattern
        return forecast


class ExponentialSmoothing(PointForecaster):
    """One form a series, with the lowest AICc of those that its parameters leave open: additive
    or multiplicative errors, no or damped trend, no, additive or multiplicative seasons of any of
    the frequency's lengths. At most `max_rows` rows a series are smoothed for it.

    A series that was not trained on borrows the form of the first one.
    """

    name: ClassVar[str] = "ets"
    # A fold without some block of time cannot hide it from a recursion over all rows.
    learns_from_windows: ClassVar[bool] = False

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {
            "error": AUTO,
            "damped_trend": AUTO,
            "seasonal": AUTO,
            "season": AUTO,
            "max_rows": 1344,
        }

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "error": trial.suggest_categorical("error", [AUTO, *ERRORS]),
            "damped_trend": trial.suggest_categorical("damped_trend", [False, True]),
            "seasonal": trial.suggest_categorical("seasonal", list(SEASONALS)),
            "max_rows": trial.suggest_int("max_rows", 500, 5000, log=True),
        }

    def fit(self, train: Windows, validation: Windows | None, context: FitContext) -> None:
        panel = train.panel
        self._scale = SeriesScale.fit(train)
        self._forms = []
        for s, rows in enumerate(known_rows(train)):
            context.check_stop()
            y = panel.filled[rows][-int(self.params["max_rows"]) :]
            y = y[np.isfinite(y)] / self._scale.scale[s]
            self._forms.append(self._estimate(y, panel.freq))

    def _estimate(self, y: Floats, freq: Frequency) -> Smoothing:
        best, lowest = Smoothing(), np.inf
        if len(y) < _MIN_ROWS or np.ptp(y) == 0:
            return best
        for error, damped, seasonal, season in self._candidates(y, freq):
            with warnings.catch_warnings():
                # Of candidates that do not converge the criterion alone decides.
                warnings.simplefilter("ignore")
                try:
                    found = ETSModel(
                        y,
                        error=error,
                        trend="add" if damped else None,
                        damped_trend=damped,
                        seasonal=None if seasonal == "none" else seasonal,
                        seasonal_periods=None if seasonal == "none" else season,
                        initialization_method="heuristic",
                    ).fit(disp=False)
                except (ValueError, np.linalg.LinAlgError):
                    continue
            criterion = float(found.aicc)
            if np.isfinite(criterion) and criterion < lowest:
                lowest = criterion
                best = Smoothing(
                    season=season,
                    seasonal=seasonal,
                    damped=damped,
                    alpha=float(found.smoothing_level),
                    beta=float(found.smoothing_trend) if damped else 0.0,
                    gamma=0.0 if seasonal == "none" else float(found.smoothing_seasonal),
                    phi=float(found.damping_trend) if damped else 1.0,
                )
        return best

    def _candidates(self, y: Floats, freq: Frequency) -> Iterator[tuple[str, bool, str, int]]:
        """Error, trend, seasonal form and season length; a multiplicative season never on an
        additive error, whose variance is not finite then."""
        positive = float(y.min()) > _POSITIVE
        seasons = freq.seasons if self.params["season"] == AUTO else (int(self.params["season"]),)
        long_enough = [m for m in seasons if m > 1 and len(y) >= max(_MIN_SEASONS * m, _MIN_ROWS)]
        for error, damped, seasonal in product(
            self._options("error", ERRORS),
            self._options("damped_trend", (False, True)),
            self._options("seasonal", SEASONALS),
        ):
            if (error == "mul" or seasonal == "mul") and not positive:
                continue
            if seasonal == "none":
                yield error, damped, seasonal, 1
            elif not (seasonal == "mul" and error == "add"):
                yield from ((error, damped, seasonal, m) for m in long_enough)

    def _options(self, param: str, every: tuple[Any, ...]) -> tuple[Any, ...]:
        return every if self.params[param] == AUTO else (self.params[param],)

    def predict(self, windows: Windows) -> Floats:
        forecast = np.empty((len(windows), windows.horizon))
        center = self._scale.of(windows.panel)[0]
        known = {item: s for s, item in enumerate(self._scale.item_ids)}
        for s in np.unique(windows.series):
            form = self._forms[known.get(windows.panel.item_ids[s], 0)]
            lengths = lookbacks(form, windows.panel.freq, windows.origin)
            for length in np.unique(lengths[windows.series == s]):
                own = np.flatnonzero((windows.series == s) & (lengths == length))
                mine = windows.take(own)
                history = mine.history(int(length))
                history = np.where(np.isfinite(history), history, center[s])
                ahead = np.broadcast_to(mine.ahead, (len(own), windows.horizon))
                continued = form.forecast(history, int(ahead.max()) + 1)
                forecast[own] = np.take_along_axis(continued, ahead, axis=1)
        return forecast

    def state(self) -> State:
        scale = self._scale.to_state()
        forms = [asdict(form) for form in self._forms]
        return State(scale.arrays, {**scale.meta, "params": self.params, "forms": forms})

    @classmethod
    def from_state(cls, state: State) -> Self:
        forecaster = cls(**state.meta["params"])
        forecaster._scale = SeriesScale.from_state(state)
        forecaster._forms = [Smoothing(**form) for form in state.meta["forms"]]
        return forecaster

    def describe(self) -> dict[str, Any]:
        return {"series": len(self._forms), "first_form": asdict(self._forms[0])}


def lookbacks(form: Smoothing, freq: Frequency, origin: Ints) -> Ints:
    """[n] rows before each origin that are smoothed: enough for the first states to be forgotten,
    no more than a fitted model keeps of its data, and halved until the series is long enough."""
    kept = max(6 * freq.seasons[-1], 32 * freq.seasons[0])
    length = max(_LEAST_LOOKBACK, min(28 * form.season, kept))
    lengths = np.full(len(origin), length)
    while length // 2 >= 2 * form.season and (lengths > origin).any():
        length //= 2
        lengths[lengths > origin] = length
    return lengths


def _away_from_zero(values: Floats) -> Floats:
    """Divisors of a multiplicative form, which is chosen for positive series alone."""
    return np.maximum(values, 1e-9)
