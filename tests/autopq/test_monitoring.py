"""Verdicts on past forecasts, from forecasts that are right, too narrow, too wide and too old."""

import numpy as np
import pandas as pd
import pytest

from autopq.errors import InputError
from autopq.evaluation.grid import DENSE_LEVELS, normal_score
from autopq.forecast import Forecast
from autopq.monitoring import Monitoring, monitor
from autopq.task import TaskConfig

CONFIG = TaskConfig(target="load", timezone="Europe/Berlin")
NORMAL = 0.2803  # mean pinball loss of a right forecast of a standard normal, levels 0.01 to 0.99


def issued(days: int, spread: float, level: float = 0.0) -> list[Forecast]:
    """A forecast a day of the next 24 hours, of a normal distribution around `level`."""
    stamps = pd.date_range("2026-01-05", periods=24 * days, freq="h").to_numpy()
    quantiles = level + spread * normal_score(DENSE_LEVELS)
    return [
        Forecast(
            target="load",
            item_ids=("a",),
            timestamps=stamps[24 * day : 24 * day + 24][None],
            timezone="Europe/Berlin",
            levels=DENSE_LEVELS,
            quantiles=np.tile(quantiles, (1, 24, 1)),
            paths=np.empty((1, 0, 24), np.float32),
        )
        for day in range(days)
    ]


def actuals(days: int, shift: float = 0.0) -> pd.DataFrame:
    stamps = pd.date_range("2026-01-05", periods=24 * days, freq="h", tz="UTC")
    noise = np.random.default_rng(0).normal(size=len(stamps))
    return pd.DataFrame({"item_id": "a", "timestamp": stamps, "load": noise + shift})


def judged(spread: float = 1.0, *, known: int = 28, shift: float = 0.0) -> Monitoring:
    table = actuals(known, shift)
    return monitor(issued(28, spread), table, CONFIG, freq="h", reference=NORMAL)


class TestVerdict:
    def test_right(self) -> None:
        found = judged()
        assert found.verdict == "ok"
        assert found.overall.coverage_90 == pytest.approx(0.9, abs=0.03)
        assert found.overall.coverage_50 == pytest.approx(0.5, abs=0.05)
        assert found.overall.mean_pinball == pytest.approx(NORMAL, rel=0.05)
        assert found.overall.loss_ratio == pytest.approx(1, rel=0.05)
        assert (found.overall.values, found.values_without_actual) == (28 * 24, 0)

    def test_too_narrow_and_too_wide(self) -> None:
        assert judged(0.4).verdict == "coverage_low"
        assert judged(3.0).verdict == "coverage_high"

    def test_right_in_coverage_only(self) -> None:
        """As wide as the actuals had become wild: covered, at a price."""
        table = actuals(28)
        table["load"] *= 2
        found = monitor(issued(28, 2.0), table, CONFIG, freq="h", reference=NORMAL)
        assert found.verdict == "loss_up"

    def test_the_last_four_weeks_decide(self) -> None:
        table = actuals(56)
        table.loc[table.index >= 28 * 24, "load"] += 3
        found = monitor(issued(56, 1.0), table, CONFIG, freq="h", reference=NORMAL)
        assert found.verdict == "coverage_low"
        assert found.weeks[0].verdict == "too_few"  # one hour of a Monday, by the local clock
        assert found.weeks[1].verdict == "coverage_low"
        assert found.weeks[-1].verdict == "ok"
        starts = [week.start for week in found.weeks if week.start]
        assert starts == sorted(starts, reverse=True)
        assert all(pd.Timestamp(start).weekday() == 0 for start in starts)

    def test_too_few(self) -> None:
        found = judged(known=3)
        assert found.verdict == "too_few"
        assert found.values_without_actual == 25 * 24
        none = monitor([], actuals(3), CONFIG, freq="h", reference=None)
        assert (none.verdict, none.weeks) == ("too_few", ())
        assert none.overall.mean_pinball is None


def test_actuals_without_the_target() -> None:
    with pytest.raises(InputError) as caught:
        monitor(issued(1, 1.0), actuals(1).drop(columns="load"), CONFIG, freq="h", reference=None)
    assert caught.value.issues[0].field == "target"
