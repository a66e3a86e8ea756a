"""What a model's latest errors are worth, and that they are known when they are used."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.data.audit import audit
from autopq.evaluation.grid import DENSE_LEVELS, normal_score
from autopq.evaluation.scores import mean_pinball
from autopq.model import FittedModel
from autopq.quantiles.recent_errors import PastErrors, RecentErrorCorrection

HORIZON = 24


def panel(values):
    time = pd.date_range("2024-01-01", periods=len(values), freq="h")
    table = pd.DataFrame({"timestamp": time, "target": values})
    return audit(table, TaskConfig(horizon=HORIZON))[0]


def noise(days, seed=0):
    return np.random.default_rng(seed).normal(0, 1, 24 * days)


def always(level=0.0, spread=1.0):
    """A model that gives the same normal distribution whatever it sees."""
    quantiles = level + spread * normal_score(DENSE_LEVELS)
    return lambda windows: np.tile(quantiles, (len(windows), windows.horizon, 1))


def daily(of, first, last):
    return of.windows([np.arange(24 * first, 24 * last, 24)], HORIZON)


def fitted(of, forecast, first=20, last=60):
    windows = daily(of, first, last)
    past = PastErrors.look_up(windows, forecast)
    return RecentErrorCorrection.fit(windows.target(), forecast(windows), past), windows, past


def gain(correction, windows, forecast):
    """Loss of corrected forecasts as a share of the loss of plain ones."""
    plain = forecast(windows)
    corrected = correction.applied(plain, PastErrors.look_up(windows, forecast))
    assert (np.diff(corrected, axis=-1) >= 0).all()
    target = windows.target()
    return mean_pinball(target, corrected, DENSE_LEVELS) / mean_pinball(target, plain, DENSE_LEVELS)


def test_a_level_that_has_moved_is_followed():
    moved = panel(noise(90) + 3.0)
    correction, _, _ = fitted(moved, always())
    assert correction.level > 0
    assert gain(correction, daily(moved, 60, 89), always()) < 0.6


def test_an_error_at_one_time_of_day_is_followed():
    values = noise(90, 1) + np.where(np.arange(24 * 90) % 24 == 7, 6.0, 0.0)
    correction, _, _ = fitted(panel(values), always())
    assert correction.step > 0
    assert gain(correction, daily(panel(values), 60, 89), always()) < 0.95


def test_intervals_widen_after_stormy_days():
    calm_and_stormy = noise(120, 2) * np.where((np.arange(24 * 120) // 240) % 2 == 0, 1.0, 5.0)
    correction, _, _ = fitted(panel(calm_and_stormy), always(), last=100)
    assert correction.width > 0
    assert gain(correction, daily(panel(calm_and_stormy), 100, 119), always()) < 1


@pytest.mark.parametrize(("spread", "narrowed"), [(0.8, 1.0), (1.3, 0.894)])
def test_intervals_that_are_too_wide_narrow_by_a_tenth_at_most(spread, narrowed):
    storm_and_calm = panel(noise(120, 2) * np.repeat([0.6, 1.6, 0.6], [60 * 24, 15 * 24, 45 * 24]))
    forecast = always(spread=spread)
    correction, _, _ = fitted(storm_and_calm, forecast, first=40, last=90)
    assert correction.width == 0.5
    windows = daily(storm_and_calm, 74, 119)
    plain = forecast(windows)
    corrected = correction.applied(plain, PastErrors.look_up(windows, forecast))
    stretch = (corrected[:, 0, -1] - corrected[:, 0, 0]) / (plain[:, 0, -1] - plain[:, 0, 0])
    assert stretch[0] > 1  # the storm has just passed
    assert stretch[-1] == pytest.approx(narrowed, abs=0.02)


def test_intervals_that_end_on_a_limit_go_on_ending_there():
    calm = panel(noise(90, 2) * 0.5)
    correction = RecentErrorCorrection(7.0, 0.0, 0.0, 0.5, usual=0.7, calmest=0.8)
    windows = daily(calm, 60, 89)

    def forecast(windows):
        return np.maximum(always(spread=2.0)(windows), -1.0)

    plain = forecast(windows)
    corrected = correction.applied(plain, PastErrors.look_up(windows, forecast))
    assert (corrected[..., -1] < 0.95 * plain[..., -1]).all()
    np.testing.assert_array_equal(corrected[plain == -1.0], -1.0)
    assert (np.diff(corrected, axis=-1) >= 0).all()


def test_a_model_that_is_right_keeps_its_level():
    right = panel(noise(120, 3))
    correction, _, _ = fitted(right, always(), last=90)
    assert correction.level == correction.step == 0
    assert gain(correction, daily(right, 90, 119), always()) < 1.005


def test_intervals_are_insured_against_a_storm_that_validation_did_not_see():
    spread = np.where(np.arange(24 * 120) < 24 * 95, 1.0, 4.0)
    correction, _, _ = fitted(panel(noise(120, 5) * spread), always(), last=90)
    assert correction.level == correction.step == 0
    assert gain(correction, daily(panel(noise(120, 5) * spread), 100, 119), always()) < 0.95


def test_an_insurance_that_costs_too_much_is_not_bought():
    # Errors that are large for a day and never again: widening after them is always too late.
    spikes = np.where(np.arange(90) % 7 == 0, 12.0, 1.0).repeat(24)
    assert fitted(panel(noise(90, 6) * spikes), always(spread=3.0))[0] is None


def test_too_few_windows_tell_nothing():
    assert fitted(panel(noise(90) + 3.0), always(), first=20, last=30)[0] is None


def test_errors_that_are_not_known_at_the_origin_are_not_seen():
    values = noise(90)
    origin = 24 * 60
    changed = values.copy()
    changed[origin:] += 100.0
    for lead in (0, 13):
        found = []
        for of in (panel(values), panel(changed)):
            windows = replace(of.windows([np.array([origin])], HORIZON), lead=lead)
            found.append(PastErrors.look_up(windows, always()))
        np.testing.assert_array_equal(found[0].errors, found[1].errors)
        assert found[0].enough.all()


def test_without_a_known_past_forecasts_stay_as_they_are():
    early = daily(panel(noise(90) + 3.0), 2, 4)
    correction = RecentErrorCorrection(7.0, 0.5, 0.5, 0.5, 1.0)
    plain = always()(early)
    past = PastErrors.look_up(early, always())
    np.testing.assert_array_equal(correction.applied(plain, past), plain)


def test_look_ups_beyond_the_bound_are_not_made():
    windows = daily(panel(noise(90)), 20, 60)
    assert PastErrors.look_up(windows, always(), most=10) is None


@pytest.mark.slow
def test_a_corrected_model_is_the_same_after_saving_and_follows_newer_rows(tmp_path):
    time = pd.date_range("2024-01-01", periods=24 * 80, freq="h")
    table = pd.DataFrame({"timestamp": time, "target": 50 + noise(80)})
    config = TaskConfig(
        horizon=HORIZON, preset="fast", forecasters=("climatology",), quantile_models=("residual",)
    )
    plain = AutoPQ(config).fit(table).model
    corrected = replace(plain, correction=RecentErrorCorrection(3.0, 0.75, 0.0, 0.0, 1.0))
    corrected.save(tmp_path / "model")
    newer = pd.DataFrame(
        {
            "timestamp": pd.date_range(time[-1] + pd.Timedelta("1h"), periods=24 * 20, freq="h"),
            "target": 60 + noise(20, 5),
        }
    )
    expected = corrected.predict(newer)
    loaded = FittedModel.load(tmp_path / "model").predict(newer)
    np.testing.assert_array_equal(loaded.quantiles, expected.quantiles)
    np.testing.assert_array_equal(loaded.paths, expected.paths)
    median = np.searchsorted(DENSE_LEVELS, 0.5)
    missed = [
        60 - model.predict(newer).quantiles[0, :, median].mean() for model in (plain, corrected)
    ]
    assert missed[1] < 0.5 * missed[0]
