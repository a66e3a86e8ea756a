"""Aggregates come from paths, by local days."""

import numpy as np
import pandas as pd
import pytest

from autopq.aggregates import aggregate
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.forecast import Forecast


def forecast(paths: np.ndarray, start: str, timezone: str | None) -> Forecast:
    n, _, horizon = paths.shape
    stamps = pd.date_range(start, periods=horizon, freq="h").to_numpy()
    return Forecast(
        target="load",
        item_ids=tuple(f"s{i}" for i in range(n)),
        timestamps=np.tile(stamps, (n, 1)),
        timezone=timezone,
        levels=DENSE_LEVELS,
        quantiles=np.zeros((n, horizon, len(DENSE_LEVELS))),
        paths=paths.astype(np.float32),
    )


def test_a_sum_knows_that_steps_move_against_each_other() -> None:
    draws = np.random.default_rng(0).normal(size=(1, 500, 1))
    found = aggregate(
        forecast(np.concatenate([draws, -draws], axis=2), "2026-01-01", None), "sum", "day"
    )
    assert found.to_frame([0.1, 0.9])[["0.1", "0.9"]].to_numpy() == pytest.approx(0, abs=1e-6)


def test_days_are_local_and_have_their_own_length() -> None:
    # 28 March 2026 23:00 UTC is midnight in Berlin, of a day of 23 hours.
    made = forecast(np.ones((2, 3, 30)), "2026-03-28 23:00", "Europe/Berlin")
    frame = aggregate(made, "sum", "day").to_frame([0.5])
    assert frame["item_id"].tolist() == ["s0", "s0", "s1", "s1"]
    assert frame["steps"].tolist() == [23, 7, 23, 7]
    assert frame["0.5"].tolist() == [23, 7, 23, 7]
    assert frame["start"].iloc[0] == pd.Timestamp("2026-03-29", tz="Europe/Berlin")


@pytest.mark.parametrize(
    ("measure", "expected"), [("mean", 3.0), ("max", 7.0), ("min", -1.0), ("ramp", 8.0)]
)
def test_measures(measure: str, expected: float) -> None:
    paths = np.tile(np.array([3.0, 7.0, -1.0, 3.0]), (1, 5, 1))
    frame = aggregate(forecast(paths, "2026-01-01", None), measure, "horizon").to_frame([0.5])
    assert frame["0.5"].tolist() == [expected]
    assert frame["steps"].tolist() == [4]


def test_one_step_has_no_ramp_and_no_paths_no_aggregate() -> None:
    one = aggregate(forecast(np.ones((1, 2, 1)), "2026-01-01", None), "ramp", "day")
    assert np.isnan(one.samples).all()
    with pytest.raises(ValueError, match="without its sample paths"):
        aggregate(forecast(np.ones((1, 0, 4)), "2026-01-01", None), "sum", "day")
